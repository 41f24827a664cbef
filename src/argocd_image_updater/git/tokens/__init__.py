"""Tokens that Git servers accept, in exchange for keys and identities that they do not."""
