"""Where registry credentials come from, one module per source."""
