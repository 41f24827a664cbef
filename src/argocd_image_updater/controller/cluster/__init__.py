"""The mode inside a cluster: when cycles run, over what, and who is told."""
