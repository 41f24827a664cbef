"""What a flagged case about credentials may give instead: read from the input, never made up."""

import base64
import json


def split_pair(text):
    """Return user and password of ``user:password``, or None."""
    user, colon, password = text.partition(":")
    return {"username": user, "password": password} if colon and user and password else None


def without_line_ends(pair):
    return {key: text.rstrip("\r\n") for key, text in pair.items()}


def docker_pairs(text):
    """Return host and pair of every entry of a Docker configuration."""
    try:
        entries = (json.loads(text).get("auths") or {}).items()
    except (ValueError, AttributeError):
        return
    for host, entry in entries:
        pair = docker_pair(entry or {})
        if pair:
            yield host, pair


def docker_pair(entry):
    try:
        decoded = base64.b64decode(entry.get("auth", ""), validate=False).decode()
    except ValueError:
        decoded = ""
    given = {key: entry.get(key, "") for key in ("username", "password")}
    return split_pair(decoded) or (given if all(given.values()) else None)
