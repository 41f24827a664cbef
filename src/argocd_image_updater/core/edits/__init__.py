"""Byte-exact edits of YAML and JSON text: only what is meant changes, and a proof says so."""
