"""Run the program of a kubeconfig that prints credentials, and read what it prints.

It runs without a shell and without standard input, and everything it started ends with it when it
takes too long. Its output is a secret and appears in no message.
Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins.
"""

from __future__ import annotations

import asyncio
import base64
import shutil
from dataclasses import dataclass, field
from datetime import datetime  # noqa: TC003 - msgspec reads the annotation
from typing import TYPE_CHECKING, Any

import msgspec

from argocd_image_updater.errors import DeniedError
from argocd_image_updater.processes.group import Command, NotStarted
from argocd_image_updater.processes.program import Limits, TookTooLong, run_to_end

if TYPE_CHECKING:
    from collections.abc import Mapping

    from argocd_image_updater.kube.access import Cluster, ExecPlugin

TIMEOUT_S = 60.0  # command lines of clouds need long under CPU limits
MAX_OUTPUT_BYTES = 1024 * 1024  # a token and a certificate chain are some KiB
INFO_VARIABLE = "KUBERNETES_EXEC_INFO"
_KIND = "ExecCredential"


@dataclass(frozen=True, slots=True)
class PluginAnswer:
    """What a plugin printed."""

    token: str = field(default="", repr=False)
    certificate_pem: str = field(default="", repr=False)
    key_pem: str = field(default="", repr=False)
    expires_at_unix: float | None = None


class _Status(msgspec.Struct, rename="camel"):
    token: str | None = None
    client_certificate_data: str | None = None
    client_key_data: str | None = None
    expiration_timestamp: datetime | None = None


class _Answer(msgspec.Struct, rename="camel"):
    api_version: str = ""
    kind: str = ""
    status: _Status | None = None


async def run_plugin(
    plugin: ExecPlugin,
    *,
    cluster: Cluster,
    environment: Mapping[str, str],
    timeout_s: float = TIMEOUT_S,
) -> PluginAnswer:
    """Return the credentials that the program prints.

    Raises:
        DeniedError: it cannot be run, fails, or prints something else.
    """
    label = f"credential plugin {plugin.command}"
    variables = {**environment, **plugin.environment, INFO_VARIABLE: _info(plugin, cluster)}
    program = await asyncio.to_thread(_find, plugin.command, variables.get("PATH"))
    if program is None:
        raise DeniedError(f"{label}: no such program", hint=plugin.install_hint)
    command = Command((program, *plugin.arguments), variables)
    output = await _run(command, label=label, timeout_s=timeout_s)
    return _read_answer(output, plugin.api_version, label=label)


def _find(command: str, path: str | None) -> str | None:
    return shutil.which(command, path=path)


def _info(plugin: ExecPlugin, cluster: Cluster) -> str:
    """Return what the program may know of whom it works for."""
    spec: dict[str, Any] = {"interactive": False}
    if plugin.wants_cluster:
        about: dict[str, Any] = {"server": cluster.server}
        if cluster.ca_pem:
            about["certificate-authority-data"] = base64.b64encode(cluster.ca_pem.encode()).decode()
        optional = {
            "insecure-skip-tls-verify": cluster.insecure,
            "tls-server-name": cluster.tls_server_name,
            "proxy-url": cluster.proxy_url,
        }
        spec["cluster"] = about | {name: value for name, value in optional.items() if value}
    info = {"apiVersion": plugin.api_version, "kind": _KIND, "spec": spec}
    return msgspec.json.encode(info).decode()


async def _run(command: Command, *, label: str, timeout_s: float) -> bytes:
    try:
        ending = await run_to_end(command, limits=Limits(timeout_s, MAX_OUTPUT_BYTES))
    except NotStarted as error:
        raise DeniedError(f"{label}: cannot be started: {error}") from None
    except TookTooLong as error:
        raise DeniedError(f"{label}: {error} and was killed") from None
    if ending.status != 0:
        told = ending.reason or "no message"
        raise DeniedError(f"{label}: failed with exit status {ending.status}: {told}")
    if ending.is_cut:
        raise DeniedError(f"{label}: printed more than {MAX_OUTPUT_BYTES} bytes")
    return ending.output


def _read_answer(output: bytes, api_version: str, *, label: str) -> PluginAnswer:
    try:
        answer = msgspec.json.decode(output, type=_Answer)
    except (msgspec.DecodeError, RecursionError, ValueError):
        raise DeniedError(f"{label}: its output is no {_KIND} in JSON") from None
    if answer.kind != _KIND or answer.api_version != api_version:
        raise DeniedError(f"{label}: its output is no {_KIND} of {api_version}")
    status = answer.status or _Status()
    certificate, key = status.client_certificate_data or "", status.client_key_data or ""
    if bool(certificate) != bool(key):
        raise DeniedError(f"{label}: clientCertificateData and clientKeyData go together")
    token = status.token or ""
    if not token and not certificate:
        raise DeniedError(f"{label}: its output has neither a token nor a certificate")
    if not token.isprintable():
        raise DeniedError(f"{label}: its token holds characters that no header can carry")
    expiry = status.expiration_timestamp
    return PluginAnswer(token, certificate, key, None if expiry is None else expiry.timestamp())
