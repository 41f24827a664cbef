"""The identity that a cloud gives to this program, by the cloud's own libraries."""
