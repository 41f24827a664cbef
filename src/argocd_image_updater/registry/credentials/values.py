"""User and password out of the raw value of a credential source.

Line ends at the end of a value are never part of a password: files and ``echo`` put them there. A
value of several lines is refused, because it is a mistake, except for a Google service account
key, which is a JSON document.
Rules: ``tests/vectors/data/credential_value.json``.
"""

from __future__ import annotations

from argocd_image_updater.errors import ConfigError
from argocd_image_updater.registry.endpoint import Credentials

# Longer than any token or key file.
VALUE_LIMIT = 1 << 20

_JSON_KEY_USER = "_json_key"


class CredentialValueError(ConfigError):
    """The value of a credential source has the wrong form. The message never holds the value."""


def split_pair(text: str, *, source: str, complete: bool = False) -> Credentials:
    """Return user and password of ``user:password``, split at the first colon.

    complete: neither may be empty.
    """
    if len(text) > VALUE_LIMIT:
        raise CredentialValueError(f"the value is longer than {VALUE_LIMIT} characters")
    value = text.rstrip("\r\n")
    username, colon, password = value.partition(":")
    if not colon:
        raise CredentialValueError("the value has not the form user:password")
    if ("\n" in value or "\r" in value) and username != _JSON_KEY_USER:
        raise CredentialValueError(
            "the value has more than one line", hint="give one line user:password and nothing else"
        )
    if complete and not (username and password):
        raise CredentialValueError("user and password must not be empty")
    return Credentials(username, password, source)


def decode_value(content: bytes) -> str:
    """Return the text of a value; raise where it is no UTF-8."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise CredentialValueError("the value is not UTF-8 text") from None
