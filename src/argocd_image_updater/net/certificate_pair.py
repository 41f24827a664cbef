"""A certificate and its private key, handed to OpenSSL, which takes a key only from a file.

The file exists in memory where the system can do that, else it is a private one and gone at once.
"""

from __future__ import annotations

import os
import ssl
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def load_pair(context: ssl.SSLContext, pem: bytes) -> None:
    """Give a context a certificate with its chain and key; blocks for milliseconds.

    Raises:
        ValueError: they are no pair, or the key wants a password.
    """
    with _file_of(pem) as path:
        try:
            # Without a password of ours OpenSSL would ask the terminal for one.
            context.load_cert_chain(path, password=b"")
        except (ssl.SSLError, OSError) as error:
            raise ValueError("certificate and key do not fit, or are no unencrypted PEM") from error


@contextmanager
def _file_of(content: bytes) -> Iterator[str]:
    if hasattr(os, "memfd_create") and Path("/proc/self/fd").is_dir():
        descriptor = os.memfd_create("tls", os.MFD_CLOEXEC)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            yield f"/proc/self/fd/{descriptor}"
        return
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:
        file.write(content)
        file.flush()
        yield file.name
