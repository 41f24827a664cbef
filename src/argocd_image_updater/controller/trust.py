"""Write Argo CD's certificates and known hosts where Git can read them.

They come as ConfigMaps, from the API or among manifests, and are laid into the private state
directory, anew for each cycle.
"""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.git.tls import Trust

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TLS_CONFIG_MAP = "argocd-tls-certs-cm"
KNOWN_HOSTS_CONFIG_MAP = "argocd-ssh-known-hosts-cm"
KNOWN_HOSTS_KEY = "ssh_known_hosts"
# A key of a ConfigMap (https://kubernetes.io/docs/concepts/configuration/configmap/); others cannot
# be file names.
_HOST = re.compile(r"(?!\.)[-._a-zA-Z0-9]{1,253}")


def trust_below(folder: Path) -> Trust:
    """Return where Git finds what `lay_trust` writes."""
    return Trust(tls_folder=folder / "tls", known_hosts=folder / KNOWN_HOSTS_KEY)


def lay_trust(
    config_maps: Mapping[ObjectKey, Mapping[str, str]], folder: Path, *, namespace: str
) -> None:
    """Write the ConfigMaps of Argo CD's namespace as files; blocks on the disk."""
    tls = folder / "tls"
    shutil.rmtree(tls, ignore_errors=True)
    tls.mkdir(mode=0o700, parents=True, exist_ok=True)
    certificates = config_maps.get(ObjectKey(namespace, TLS_CONFIG_MAP), {})
    for host, text in certificates.items():
        if _HOST.fullmatch(host):
            (tls / host).write_text(text, "utf-8")
    hosts = config_maps.get(ObjectKey(namespace, KNOWN_HOSTS_CONFIG_MAP), {})
    (folder / KNOWN_HOSTS_KEY).write_text(hosts.get(KNOWN_HOSTS_KEY, ""), "utf-8")
