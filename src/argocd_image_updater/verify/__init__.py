"""Signatures proven on bytes: no network, no clock, nothing that is not handed in."""
