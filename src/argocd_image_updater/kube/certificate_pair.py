"""A client certificate of a cluster and its key, given to a TLS context."""

from __future__ import annotations

from typing import TYPE_CHECKING

from argocd_image_updater.errors import ConfigError
from argocd_image_updater.net.certificate_pair import load_pair

if TYPE_CHECKING:
    import ssl


def load_client(context: ssl.SSLContext, certificate_pem: str, key_pem: str, *, about: str) -> None:
    """Give a context the certificate of a client with its key; about: whose client.

    Raises:
        ConfigError: they are no pair, or the key wants a password.
    """
    try:
        load_pair(context, f"{certificate_pem}\n{key_pem}\n".encode())
    except ValueError:
        raise ConfigError(
            f"the client certificate for {about} and its key are no pair of PEM texts"
        ) from None
