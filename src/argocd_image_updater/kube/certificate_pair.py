"""A client certificate and its key, handed to OpenSSL, which takes a key only from a file."""

from __future__ import annotations

import ssl
import tempfile
from pathlib import Path

from argocd_image_updater.errors import ConfigError


def load_pair(context: ssl.SSLContext, certificate_pem: str, key_pem: str, *, about: str) -> None:
    """Give a context a certificate with its key, through a private file that is gone at once.

    Raises:
        ConfigError: they are no pair, or the key wants a password.
    """
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:
        file.write(f"{certificate_pem}\n{key_pem}\n".encode())
        file.flush()
        try:
            # Without a password of ours OpenSSL would ask the terminal for one.
            context.load_cert_chain(Path(file.name), password="")
        except (ssl.SSLError, OSError):
            raise ConfigError(
                f"the client certificate for {about} and its key are no pair of PEM texts"
            ) from None
