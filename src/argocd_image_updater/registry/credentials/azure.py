"""The login of Azure Container Registry: an Entra ID token, exchanged at the registry itself.

Which identity is used follows from the environment that Azure's webhooks and machines prepare, and
only this one is tried: a service principal where its variables are set, the workload identity where
there is a federated token file, else the managed identity of the machine. The registry trades the
Entra ID token for a refresh token of its own, which is the password for a user without a name.
Sources: https://azure.github.io/acr/AAD-OAuth.html and
https://learn.microsoft.com/python/api/overview/azure/identity-readme.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Any

import msgspec

from argocd_image_updater.clouds.library import ANSWER_S, CONNECT_S, CloudIdentityError
from argocd_image_updater.core.facts import Failure, FailureKind
from argocd_image_updater.net.lifetimes import Lived
from argocd_image_updater.registry.answers import is_good, read_failure
from argocd_image_updater.registry.credentials.cloud_login import CloudLogin
from argocd_image_updater.registry.transport import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from argocd_image_updater.registry.api import Api
    from argocd_image_updater.registry.traffic import Traffic

USERNAME = "00000000-0000-0000-0000-000000000000"
# The audience of the registries in all of Azure's clouds: good for nothing else.
SCOPE = "https://containerregistry.azure.net/.default"
UNKNOWN_LIFE_S = 600.0  # a token that tells no end
MAX_ANSWER_BYTES = 65_536
MAX_TOKEN_LENGTH = 32_768
EXCHANGE_S = 15.0
RETRIES = 2

_CODE = re.compile(r"AADSTS[0-9]{1,9}")


class _Exchanged(msgspec.Struct):
    refresh_token: str = ""


class _Claims(msgspec.Struct):
    exp: float = 0.0


def identity_of(environ: Mapping[str, str]) -> str:
    """Return the name of the source that the environment prepares."""
    if environ.get("AZURE_CLIENT_SECRET") or environ.get("AZURE_CLIENT_CERTIFICATE_PATH"):
        return "service principal"
    if environ.get("AZURE_FEDERATED_TOKEN_FILE"):
        return "workload identity"
    return "managed identity"


def entra_token(
    client_id: str, *, environ: Mapping[str, str], unix: Callable[[], float]
) -> Lived[str]:
    """Return a token of Entra ID for the registries; blocks. client_id: empty = the usual one."""
    from azure.core.exceptions import AzureError, ClientAuthenticationError  # noqa: PLC0415 - slow
    from azure.identity import CredentialUnavailableError  # noqa: PLC0415 - the same

    identity = identity_of(environ)
    try:
        with _credential(identity, client_id or environ.get("AZURE_CLIENT_ID", "")) as credential:
            token = credential.get_token(SCOPE)
    except CredentialUnavailableError:
        raise CloudIdentityError(
            f"no Azure identity was found: the {identity} is not available here; label the Pod and "
            "annotate its service account for workload identity, or assign a managed identity"
        ) from None
    except ClientAuthenticationError as error:
        code = _CODE.search(str(error.message))
        raise CloudIdentityError(
            f"Entra ID refused a token to the {identity} ({code[0] if code else 'no code'}); check "
            "its client ID, tenant and federated credential"
        ) from None
    except (AzureError, ValueError) as error:
        raise CloudIdentityError(
            f"Entra ID gave no token to the {identity}: {type(error).__name__}; check the "
            "variables AZURE_* and that the login service can be reached from here"
        ) from None
    return Lived(token.token, token.expires_on - unix())


def _credential(identity: str, client_id: str) -> Any:
    from azure import identity as library  # noqa: PLC0415 - see entra_token

    limits = {
        "connection_timeout": CONNECT_S,
        "read_timeout": ANSWER_S,
        "retry_total": RETRIES,
        # The operator names the login service; nobody else is asked whether it is one.
        "disable_instance_discovery": True,
    }
    if identity == "service principal":
        return library.EnvironmentCredential(**limits)
    if identity == "workload identity":
        return library.WorkloadIdentityCredential(client_id=client_id or None, **limits)
    del limits["disable_instance_discovery"]
    return library.ManagedIdentityCredential(client_id=client_id or None, **limits)


async def exchange(
    token: str, *, api: Api, identity: str, traffic: Traffic
) -> CloudLogin | CloudIdentityError:
    """Return the registry's login for an Entra ID token; an error where the token was refused.

    Raises:
        CloudIdentityError: the registry gave no answer that can be used.
    """
    request = Request(
        url=f"{api.scheme}://{api.host}/oauth2/exchange",
        max_bytes=MAX_ANSWER_BYTES,
        method="POST",
        form=(("grant_type", "access_token"), ("service", api.hostname), ("access_token", token)),
        tls=api.tls,
        total_s=max(EXCHANGE_S, api.route.timeout_s),
        route=api.route,
    )
    response = await traffic.send(request, host=api.host, connections=api.max_concurrency)
    if isinstance(response, Failure):
        raise CloudIdentityError(response.message)
    if not is_good(response):
        subject = f"registry {api.host}"
        failure = read_failure(response, subject=subject, unix_now=traffic.timing.unix())
        if failure.kind is not FailureKind.DENIED:
            raise CloudIdentityError(f"{subject} did not exchange the token: {failure.message}")
        return CloudIdentityError(
            f"{subject} refused the {identity}; give it the role AcrPull and check its tenant"
        )
    try:
        refresh = msgspec.json.decode(response.body, type=_Exchanged).refresh_token
    except (msgspec.DecodeError, RecursionError):
        refresh = ""
    if not refresh or len(refresh) > MAX_TOKEN_LENGTH:
        raise CloudIdentityError(f"registry {api.host} exchanged the token for nothing usable")
    return CloudLogin(USERNAME, refresh, _life_s(refresh, traffic.timing.unix()), identity)


def _life_s(token: str, unix_now: float) -> float:
    """Return the seconds until the end that the claims of a JSON Web Token tell."""
    claims = token.split(".")[1] if token.count(".") else ""
    try:
        text = base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4))
        end_s = msgspec.json.decode(text, type=_Claims).exp
    except (binascii.Error, ValueError, msgspec.DecodeError, RecursionError):
        return UNKNOWN_LIFE_S
    return end_s - unix_now if end_s > 0 else UNKNOWN_LIFE_S
