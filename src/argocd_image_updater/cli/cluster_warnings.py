"""What is accepted in a cluster and does not do what its name says.

Existing Deployments carry these flags and variables, so they are no error; silence would let their
owner wait for events that never come. Source of the rules: docs/compatibility.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from argocd_image_updater.cli.flags import BY_NAME
from argocd_image_updater.cli.setting import ORIGIN_DEFAULT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from argocd_image_updater.cli.setting import Setting


def cluster_warnings(settings: Mapping[str, Setting]) -> tuple[str, ...]:
    """Return the warnings about what was set."""
    warnings: list[str] = []
    if settings["enable-webhook"].value and settings["webhook-port"].value:
        warnings.append(
            f"{_where('enable-webhook', settings)}: events of registries are not received in this "
            "release, nothing listens on the webhook port; new images are found every --interval"
        )
    if settings["enable-http2"].value:
        warnings.append(
            f"{_where('enable-http2', settings)}: HTTP/2 is not served, clients get HTTP/1.1"
        )
    return tuple(warnings)


def _where(name: str, settings: Mapping[str, Setting]) -> str:
    setting = settings[name]
    assert setting.origin != ORIGIN_DEFAULT, "defaults give no warning"
    return BY_NAME[name].option if setting.is_flag else setting.origin
