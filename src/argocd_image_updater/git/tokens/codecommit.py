"""Passwords for AWS CodeCommit: a signature of version 4 of the repository's path.

It is what the credential helper of AWS's command line computes: the access key is the user, with
the session's token behind a percent sign, and the password is a time with a signature, good for a
quarter of an hour at this one repository. Our own identity comes from botocore.
Source: https://docs.aws.amazon.com/general/latest/gr/sigv4-create-canonical-request.html, with the
method GIT, the header ``host`` and no hash of a body.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import re
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from argocd_image_updater.clouds.aws import AccessKey, access_key
from argocd_image_updater.clouds.library import Cloud, CloudIdentityError, in_thread
from argocd_image_updater.git.credentials import CloudIdentity, CredentialKind
from argocd_image_updater.git.tokens.interface import DOCS
from argocd_image_updater.git.tokens.login import login_fault
from argocd_image_updater.net.lifetimes import Lifetimes, Lived

if TYPE_CHECKING:
    from argocd_image_updater.git.connection import Connection
    from argocd_image_updater.git.credentials import GitCredential
    from argocd_image_updater.git.tokens.interface import Means

# Keys of roles live for an hour at least and are renewed by botocore a quarter before their end.
KEY_LIFE_S = 300.0
_HOST = re.compile(
    r"git-codecommit(?:-fips)?\.(?P<region>[a-z]{2,8}(?:-[a-z]{2,16}){1,3}-[0-9]{1,2})"
    r"\.amazonaws\.(?:com|com\.cn|eu)"
)


class CodeCommitPasswords:
    """Passwords for all repositories at CodeCommit."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._keys: Lifetimes[AccessKey] = Lifetimes(means.timing.monotonic)

    async def exchange(self, connection: Connection) -> GitCredential:
        """Return the credential with a signature as its password."""
        credential = connection.credential
        found = _HOST.fullmatch(connection.url.host)
        if found is None or connection.url.scheme != "https":
            raise login_fault(
                connection,
                "an identity of AWS is for https://git-codecommit.REGION.amazonaws.com only",
            )
        region = found["region"]
        key = await self._key(connection, region)
        now = dt.datetime.fromtimestamp(self._means.timing.unix(), dt.UTC)
        path = urlsplit(connection.url.text).path
        password = sign(key, host=connection.url.host, path=path, region=region, now=now)
        token = f"%{key.session_token}" if key.session_token else ""
        return replace(
            credential,
            kind=CredentialKind.BASIC,
            username=key.access_key_id + token,
            password=password,
            cloud=CloudIdentity(),
        )

    def drop(self, token: str) -> bool:
        """A signature is made anew for each cycle, and nothing is better than a new one."""
        del token
        return False

    async def _key(self, connection: Connection, region: str) -> AccessKey:
        cloud = connection.credential.cloud
        if not cloud.own:
            return AccessKey(cloud.access_key_id, cloud.secret_access_key, cloud.session_token)
        try:
            return await self._keys.get(region, partial(self._fetch, region))
        except CloudIdentityError as error:
            raise login_fault(connection, str(error)) from None

    async def _fetch(self, region: str) -> Lived[AccessKey]:
        found = await in_thread(Cloud.AWS, partial(access_key, region=region), docs=DOCS)
        return Lived(found, KEY_LIFE_S, spare_s=0.0)


def sign(key: AccessKey, *, host: str, path: str, region: str, now: dt.datetime) -> str:
    """Return the password for a repository, from `now` (UTC) on."""
    moment = now.strftime("%Y%m%dT%H%M%S")
    scope = f"{moment[:8]}/{region}/codecommit/aws4_request"
    question = f"GIT\n{path}\n\nhost:{host}\n\nhost\n"
    digest = hashlib.sha256(question.encode()).hexdigest()
    secret = f"AWS4{key.secret_access_key}".encode()
    for part in scope.split("/"):
        secret = _mac(secret, part)
    signature = _mac(secret, f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{digest}").hex()
    return f"{moment}Z{signature}"


def _mac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()
