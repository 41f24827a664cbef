"""The Git engine: mirrors, objects, commits, pushes; never a work tree."""
