"""The embedded registry and the guided demonstration."""
