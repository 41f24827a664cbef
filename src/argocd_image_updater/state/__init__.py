"""The embedded store: facts by digest and the lock of the state directory."""
