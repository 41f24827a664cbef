"""The cycle: gather, decide, group, apply, report."""
