"""The pure core: decisions as plain functions on plain values, without I/O, clock or globals."""
