"""The login of Google Artifact Registry and Container Registry: an access token as the password.

Source: https://cloud.google.com/artifact-registry/docs/docker/authentication#token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from argocd_image_updater.clouds.google import access_token
from argocd_image_updater.registry.credentials.cloud_login import CloudLogin

if TYPE_CHECKING:
    from collections.abc import Callable

USERNAME = "oauth2accesstoken"


def log_in(*, unix: Callable[[], float]) -> CloudLogin:
    """Return the login of Google's registries; blocks."""
    found = access_token(unix=unix)
    return CloudLogin(USERNAME, found.token, found.life_s, found.identity)
