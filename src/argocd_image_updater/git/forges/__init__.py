"""Pull and merge requests: what is asked of a forge, and one module for each."""
