"""The TLS context of a forge: what the repository's own settings say for Git holds for its API too.

As with Git, the authorities that are kept for a host replace those of the system.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from argocd_image_updater.core.facts import FailureKind
from argocd_image_updater.git.failures import GitError
from argocd_image_updater.git.tls import authority_file
from argocd_image_updater.net.certificate_pair import load_pair

if TYPE_CHECKING:
    from argocd_image_updater.git.connection import Connection


def forge_tls(connection: Connection, host: str) -> ssl.SSLContext:
    """Return the context for the API of a repository's forge; reads files, so it may block.

    Raises:
        GitError: a certificate is of no use.
    """
    credential = connection.credential
    authority = authority_file(connection.trust, host)
    try:
        context = ssl.create_default_context(cafile=authority)
        if credential.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if credential.client_certificate and credential.client_key:
            pem = f"{credential.client_certificate}\n{credential.client_key}\n"
            load_pair(context, pem.encode())
    except (ValueError, OSError) as error:  # ssl.SSLError is an OSError
        raise GitError(
            FailureKind.CONFIG,
            f"{connection.url.shown}: a certificate for {host} cannot be used: {error}",
        ) from None
    return context
