"""The shards of the work: which replica holds which by its Lease, and how results come together."""
