"""The login of Amazon ECR: one ``GetAuthorizationToken`` with the identity that botocore finds.

botocore is AWS's own library, and its chain is the reason to use it: static variables, shared
files, web identity (IRSA), Pod Identity, and the instance profile, each with rules of its own that
change. A session is made for each login, a matter of tenths of a second twice a day, so that a
rotated file or role is seen. The token is good for every registry that the identity may read.
Sources: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html
and the same operation of ECR Public.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Any

from argocd_image_updater.registry.credentials.cloud_login import (
    ANSWER_S,
    CONNECT_S,
    CloudIdentityError,
    CloudLogin,
)

if TYPE_CHECKING:
    from collections.abc import Callable

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
_DENIED = frozenset(("AccessDenied", "AccessDeniedException", "UnauthorizedOperation"))
_CODE = re.compile(r"[A-Za-z0-9.]{1,64}")


def log_in(*, region: str, fips: bool, public: bool, unix: Callable[[], float]) -> CloudLogin:
    """Return the login of the registries of a region, or of the public one; blocks."""
    import botocore.exceptions  # noqa: PLC0415 - half a second, paid by who asks AWS
    from botocore.config import Config  # noqa: PLC0415 - the same

    session = _session(region)
    try:
        found = session.get_credentials()
        if found is None:
            raise CloudIdentityError(
                "no AWS identity was found: no web identity, Pod Identity, instance profile or "
                "access key; give the service account a role"
            )
        identity = _IDENTITIES.get(found.method, found.method)
        client = session.create_client(
            "ecr-public" if public else "ecr",
            region_name=region,
            config=Config(use_fips_endpoint=True) if fips else None,
        )
        data = client.get_authorization_token()["authorizationData"]
    except botocore.exceptions.ClientError as error:
        raise _refused(error, public=public) from None
    except botocore.exceptions.BotoCoreError as error:
        raise CloudIdentityError(
            f"AWS gave no login in {region}: {type(error).__name__}; check that its token services "
            "can be reached from here, and the role of the service account"
        ) from None
    entry = data[0] if isinstance(data, list) else data
    username, password = _pair(entry["authorizationToken"])
    return CloudLogin(username, password, entry["expiresAt"].timestamp() - unix(), identity)


def _session(region: str) -> Any:
    import botocore.session  # noqa: PLC0415 - see log_in
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


def _pair(token: str) -> tuple[str, str]:
    try:
        username, _, password = base64.b64decode(token, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        username, password = "", ""
    if not (username and password):
        raise CloudIdentityError("AWS answered with a token that holds no user and password")
    return username, password


def _refused(error: Any, *, public: bool) -> CloudIdentityError:
    """Name operation and code; the text of the answer can hold what was signed."""
    code = str(error.response.get("Error", {}).get("Code", ""))
    told = code if _CODE.fullmatch(code) else "an unknown code"
    service = "ecr-public" if public else "ecr"
    advice = "check the role of the service account and its trust policy"
    if code in _DENIED and error.operation_name == "GetAuthorizationToken":
        advice = f"allow {service}:GetAuthorizationToken to the role"
        if public:
            advice += ", and sts:GetServiceBearerToken"
    return CloudIdentityError(f"AWS refused {error.operation_name} ({told}); {advice}")
