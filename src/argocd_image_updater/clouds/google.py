"""The identity that Google gives to this program, as an access token.

It is what Google's own library calls the application default credentials: the file that
``GOOGLE_APPLICATION_CREDENTIALS`` names (a service account's key, or the configuration of workload
identity federation), the login of gcloud, or the metadata server of the machine or Pod. They are
loaded for each token, so that a rotated file is seen.
Source: https://cloud.google.com/docs/authentication/application-default-credentials.
"""

from __future__ import annotations

import datetime as dt
import functools
import re
from typing import TYPE_CHECKING, Any

from argocd_image_updater.clouds.library import ANSWER_S, CloudIdentityError, CloudToken

if TYPE_CHECKING:
    from collections.abc import Callable

# Registries and Git servers accept no narrower one; what may be read or written, roles say.
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
UNKNOWN_LIFE_S = 600.0  # a token that tells no end

_IDENTITIES = {
    "google.oauth2.service_account": "service account key",
    "google.auth.compute_engine.credentials": "metadata server",
    "google.auth.identity_pool": "workload identity federation",
    "google.auth.aws": "workload identity federation",
    "google.auth.pluggable": "workload identity federation",
    "google.auth.impersonated_credentials": "impersonated service account",
    "google.oauth2.credentials": "login of gcloud",
}
_CODE = re.compile(r"[a-z_]{1,64}")


def access_token(*, unix: Callable[[], float]) -> CloudToken:
    """Return a token of the identity that is found here; blocks."""
    import google.auth  # noqa: PLC0415 - paid by who asks Google
    from google.auth import exceptions  # noqa: PLC0415 - the same
    from google.auth.credentials import with_scopes_if_required  # noqa: PLC0415 - the same
    from google.auth.transport.requests import Request  # noqa: PLC0415 - the same

    identity = "application default credentials"
    try:
        # The scope is set afterwards: with it, the library would also ask for the project's name.
        found, _ = google.auth.default()
        credentials = with_scopes_if_required(found, [SCOPE])
        identity = _IDENTITIES.get(type(credentials).__module__, identity)
        credentials.refresh(functools.partial(Request(), timeout=ANSWER_S))
    except exceptions.DefaultCredentialsError:
        raise CloudIdentityError(
            "no Google identity was found: no usable file in GOOGLE_APPLICATION_CREDENTIALS and no "
            "metadata server; bind the service account to one of Google's"
        ) from None
    except exceptions.RefreshError as error:
        raise CloudIdentityError(
            f"Google refused a token to the {identity} ({_code(error)}); check that the identity "
            "exists and may be used from here"
        ) from None
    except exceptions.GoogleAuthError as error:
        raise CloudIdentityError(
            f"Google gave no token to the {identity}: {type(error).__name__}; check that its token "
            "services can be reached from here"
        ) from None
    if not credentials.token:
        raise CloudIdentityError(f"Google answered the {identity} without a token")
    return CloudToken(credentials.token, _life_s(credentials.expiry, unix()), identity)


def _life_s(expiry: dt.datetime | None, unix_now: float) -> float:
    """Return the seconds that are left; the library writes UTC without saying so."""
    if expiry is None:
        return UNKNOWN_LIFE_S
    return expiry.replace(tzinfo=dt.UTC).timestamp() - unix_now


def _code(error: Any) -> str:
    """Return the code of a refusal; its description can hold what was sent."""
    for part in error.args:
        code = part.get("error") if isinstance(part, dict) else None
        if isinstance(code, str) and _CODE.fullmatch(code):
            return code
    return "no code"
