"""Find out which cluster we talk to and as whom.

Order: the file of the flag; ``KUBECONFIG``, a list of files of which missing ones are passed over;
the Pod's service account; ``~/.kube/config``. The environment is handed in as a mapping: only the
command line looks at the real one. Files are read in a thread.
Source of the Pod's files: https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

from argocd_image_updater.errors import ConfigError
from argocd_image_updater.kube.access import Access, Cluster, User
from argocd_image_updater.kube.files import read_text
from argocd_image_updater.kube.kubeconfig import DEFAULT_NAMESPACE, read_kubeconfig

if TYPE_CHECKING:
    from collections.abc import Mapping

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
MAX_FILES = 64  # of KUBECONFIG


async def load_access(
    environment: Mapping[str, str],
    *,
    kubeconfig: str = "",
    service_account: Path = SERVICE_ACCOUNT,
) -> Access:
    """Return how to reach the cluster; kubeconfig: the file of the flag, empty = not given.

    Raises:
        ConfigError: there is no access, or it is described wrongly.
    """
    return await asyncio.to_thread(
        _load, environment, kubeconfig=kubeconfig, service_account=service_account
    )


def _load(environment: Mapping[str, str], *, kubeconfig: str, service_account: Path) -> Access:
    if kubeconfig:
        return read_kubeconfig([Path(kubeconfig)], environment=environment)
    if named := environment.get("KUBECONFIG", ""):
        return read_kubeconfig(_existing(named), environment=environment)
    if inside := _in_cluster(environment, service_account):
        return inside
    if home := environment.get("HOME", ""):
        file = Path(home, ".kube", "config")
        if file.is_file():
            return read_kubeconfig([file], environment=environment)
    raise ConfigError(
        "no access to a Kubernetes cluster: there is no --kubeconfig, no KUBECONFIG, no service "
        "account of a Pod and no ~/.kube/config",
        hint="give one of these; without a cluster, run works on files with --manifests DIR",
    )


def _existing(named: str) -> list[Path]:
    files = [Path(name) for name in named.split(os.pathsep) if name]
    if len(files) > MAX_FILES:
        raise ConfigError(f"KUBECONFIG names more than {MAX_FILES} files")
    found = [file for file in files if file.is_file()]
    if not found:
        raise ConfigError(f"KUBECONFIG: none of its files exists: {named}")
    return found


def _in_cluster(environment: Mapping[str, str], folder: Path) -> Access | None:
    """Return the access of a Pod, None where this is none."""
    host = environment.get("KUBERNETES_SERVICE_HOST", "")
    port = environment.get("KUBERNETES_SERVICE_PORT", "")
    token_file, ca_file = folder / "token", folder / "ca.crt"
    if not host or not port or not token_file.is_file():
        return None
    host = f"[{host}]" if ":" in host else host
    return Access(
        cluster=Cluster(
            server=f"https://{host}:{port}",
            ca_pem=read_text(ca_file) if ca_file.is_file() else "",
        ),
        user=User(token_file=token_file),
        namespace=environment.get("POD_NAMESPACE", "")
        or pod_namespace(folder)
        or DEFAULT_NAMESPACE,
        source=f"the service account in {folder}",
        environment=environment,
    )


def pod_namespace(service_account: Path = SERVICE_ACCOUNT) -> str:
    """Return the namespace of this Pod, empty where this is none; blocks on the disk."""
    file = service_account / "namespace"
    return read_text(file).strip() if file.is_file() else ""
