"""The login of Amazon ECR: one ``GetAuthorizationToken`` with the identity that botocore finds.

It is asked for twice a day. The token is good for every registry that the identity may read.
Sources: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html
and the same operation of ECR Public.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Any

from argocd_image_updater.clouds.aws import find_identity, open_session
from argocd_image_updater.clouds.library import CloudIdentityError
from argocd_image_updater.registry.credentials.cloud_login import CloudLogin

if TYPE_CHECKING:
    from collections.abc import Callable

_DENIED = frozenset(("AccessDenied", "AccessDeniedException", "UnauthorizedOperation"))
_CODE = re.compile(r"[A-Za-z0-9.]{1,64}")


def log_in(*, region: str, fips: bool, public: bool, unix: Callable[[], float]) -> CloudLogin:
    """Return the login of the registries of a region, or of the public one; blocks."""
    import botocore.exceptions  # noqa: PLC0415 - half a second, paid by who asks AWS
    from botocore.config import Config  # noqa: PLC0415 - the same

    session = open_session(region)
    try:
        _, identity = find_identity(session)
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
