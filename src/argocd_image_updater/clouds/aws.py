"""The identity that AWS gives to this program, as botocore finds it.

botocore is AWS's own library, and its chain is the reason to use it: static variables, shared
files, web identity (IRSA), Pod Identity, and the instance profile, each with rules of its own that
change. A session is made for each login, a matter of tenths of a second, so that a rotated file or
role is seen.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from argocd_image_updater.clouds.library import ANSWER_S, CONNECT_S, CloudIdentityError

ATTEMPTS = 3

_IDENTITIES = {
    "env": "access key in the environment",
    "assume-role-with-web-identity": "web identity of the service account",
    "container-role": "Pod Identity",
    "iam-role": "instance profile",
    "shared-credentials-file": "shared credentials file",
    "config-file": "shared configuration file",
    "assume-role": "assumed role",
}


@dataclass(frozen=True, slots=True)
class AccessKey:
    """What requests to AWS are signed with; session_token: empty for a key that lasts."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)


def access_key(*, region: str) -> AccessKey:
    """Return the key of the identity that is found here; blocks."""
    import botocore.exceptions  # noqa: PLC0415 - half a second, paid by who asks AWS

    try:
        found, _ = find_identity(open_session(region))
        frozen = found.get_frozen_credentials()
    except botocore.exceptions.ClientError as error:
        raise CloudIdentityError(
            f"AWS refused {error.operation_name}; check the role of the service account and its "
            "trust policy"
        ) from None
    except botocore.exceptions.BotoCoreError as error:
        raise CloudIdentityError(
            f"AWS gave no identity: {type(error).__name__}; check that its token services can be "
            "reached from here, and the role of the service account"
        ) from None
    return AccessKey(frozen.access_key, frozen.secret_key, frozen.token or "")


def find_identity(session: Any) -> tuple[Any, str]:
    """Return the credentials of a session, and the name of their source."""
    found = session.get_credentials()
    if found is None:
        raise CloudIdentityError(
            "no AWS identity was found: no web identity, Pod Identity, instance profile or "
            "access key; give the service account a role"
        )
    return found, _IDENTITIES.get(found.method, found.method)


def open_session(region: str) -> Any:
    """Return a session with time limits; blocks. region: where none is configured."""
    import botocore.session  # noqa: PLC0415 - see access_key
    from botocore.config import Config  # noqa: PLC0415 - the same

    session = botocore.session.Session()
    session.set_default_client_config(
        Config(
            connect_timeout=CONNECT_S,
            read_timeout=ANSWER_S,
            retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
        )
    )
    if not session.get_config_variable("region"):
        session.set_config_variable("region", region)  # for the roles of the same partition
    return session
