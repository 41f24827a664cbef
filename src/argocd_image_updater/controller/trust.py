"""Write Argo CD's certificates and known hosts where Git can read them.

They come as ConfigMaps, from the API or among manifests, and are laid into the private state
directory, anew for each cycle. In a Pod the usual mounts are looked at besides, and the SSH
configuration is laid beside them once it was found to be usable. docs/git-credentials.md.
"""

from __future__ import annotations

import re
import shutil
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.errors import ConfigError
from argocd_image_updater.git.tls import Trust

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TLS_CONFIG_MAP = "argocd-tls-certs-cm"
KNOWN_HOSTS_CONFIG_MAP = "argocd-ssh-known-hosts-cm"
KNOWN_HOSTS_KEY = "ssh_known_hosts"
# Where the usual Deployment mounts what belongs to SSH and TLS.
SSH_CONFIG_PATH = "/app/.ssh/config"
SSH_DATA_PATH, TLS_DATA_PATH = "/app/config/ssh", "/app/config/tls"
GIT_TLS_FOLDER = Path("/app/config/registry-tls")  # Argo CD's ConfigMap, beside the webhook's own
# A key of a ConfigMap (https://kubernetes.io/docs/concepts/configuration/configmap/); others cannot
# be file names.
_HOST = re.compile(r"(?!\.)[-._a-zA-Z0-9]{1,253}")


def trust_below(folder: Path) -> Trust:
    """Return where Git finds what `lay_trust` writes."""
    return Trust(tls_folder=folder / "tls", known_hosts=folder / KNOWN_HOSTS_KEY)


def trust_in_pod(folder: Path, environment: Mapping[str, str]) -> Trust:
    """Return the same, with the mounts of a Pod and the file of `lay_ssh_config` besides.

    The environment names other mounts by the variables that Argo CD uses for them.
    """
    tls = environment.get("ARGOCD_TLS_DATA_PATH", "") or TLS_DATA_PATH
    ssh = environment.get("ARGOCD_SSH_DATA_PATH", "") or SSH_DATA_PATH
    return replace(
        trust_below(folder),
        mounted_tls_folders=(Path(tls), GIT_TLS_FOLDER),
        mounted_known_hosts=(Path(ssh) / KNOWN_HOSTS_KEY,),
        ssh_config=_ssh_config_below(folder),
    )


def lay_ssh_config(text: str, folder: Path) -> None:
    """Write the SSH configuration that is in use, or none where it is empty; blocks on the disk.

    Raises:
        ConfigError: it cannot be written; half of one, or none, could lead to another host.
    """
    path = _ssh_config_below(folder)
    with _room_in(folder):
        if not text:
            path.unlink(missing_ok=True)
            return
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = path.with_suffix(".new")
        new.write_text(text, "utf-8")
        new.replace(path)


@contextmanager
def _room_in(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise ConfigError(
            f"{folder} cannot be written to: {why}; make room there or name another --state-dir"
        ) from error


def _ssh_config_below(folder: Path) -> Path:
    return folder / "ssh_config"


def lay_trust(
    config_maps: Mapping[ObjectKey, Mapping[str, str]], folder: Path, *, namespace: str
) -> None:
    """Write the ConfigMaps of Argo CD's namespace as files; blocks on the disk.

    Raises:
        ConfigError: they cannot be written; what is missing then is not trusted.
    """
    tls = folder / "tls"
    with _room_in(folder):
        shutil.rmtree(tls, ignore_errors=True)
        tls.mkdir(mode=0o700, parents=True, exist_ok=True)
        certificates = config_maps.get(ObjectKey(namespace, TLS_CONFIG_MAP), {})
        for host, text in certificates.items():
            if _HOST.fullmatch(host):
                (tls / host).write_text(text, "utf-8")
        hosts = config_maps.get(ObjectKey(namespace, KNOWN_HOSTS_CONFIG_MAP), {})
        (folder / KNOWN_HOSTS_KEY).write_text(hosts.get(KNOWN_HOSTS_KEY, ""), "utf-8")
