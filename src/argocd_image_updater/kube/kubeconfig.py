"""A kubeconfig: several files as one, and the context that is meant.

Rules: the first file that has a cluster, user or context of a name gives all of it; relative paths
stand beside the file that names them; data in the file wins over a file beside it, a token file
over a token. Messages name fields, never their values.
Source: https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/ and
https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/.
"""

from __future__ import annotations

import base64
import binascii
import os.path
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import yaml

from argocd_image_updater.errors import ConfigError, shorten
from argocd_image_updater.kube.access import Access, Cluster, ExecPlugin, Impersonation, User
from argocd_image_updater.kube.files import read_bytes, read_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PLUGIN_VERSIONS = frozenset(
    f"client.authentication.k8s.io/{version}" for version in ("v1", "v1beta1")
)
DEFAULT_NAMESPACE = "default"
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Struct(msgspec.Struct, rename="kebab"):
    pass


class _Cluster(_Struct):
    server: str = ""
    certificate_authority: str = ""
    certificate_authority_data: str = ""
    insecure_skip_tls_verify: bool = False
    tls_server_name: str = ""
    proxy_url: str = ""


class _Variable(msgspec.Struct):
    name: str
    value: str


class _Plugin(msgspec.Struct, rename="camel"):
    command: str
    api_version: str = ""
    args: list[str] | None = None
    env: list[_Variable] | None = None
    provide_cluster_info: bool = False
    interactive_mode: str = ""
    install_hint: str = ""


class _User(_Struct):
    token: str = ""
    token_file: str = msgspec.field(name="tokenFile", default="")
    username: str = ""
    password: str = ""
    client_certificate: str = ""
    client_certificate_data: str = ""
    client_key: str = ""
    client_key_data: str = ""
    exec_: _Plugin | None = msgspec.field(name="exec", default=None)
    auth_provider: dict[str, Any] | None = None
    as_: str = msgspec.field(name="as", default="")
    as_uid: str = ""
    as_groups: list[str] | None = None
    as_user_extra: dict[str, Any] | None = None


class _Context(_Struct):
    cluster: str = ""
    user: str = ""
    namespace: str = ""


class _NamedCluster(msgspec.Struct):
    name: str
    cluster: _Cluster


class _NamedUser(msgspec.Struct):
    name: str
    user: _User


class _NamedContext(msgspec.Struct):
    name: str
    context: _Context


class _File(_Struct):
    clusters: list[_NamedCluster] | None = None
    users: list[_NamedUser] | None = None
    contexts: list[_NamedContext] | None = None
    current_context: str = ""


def read_kubeconfig(files: Sequence[Path], *, environment: Mapping[str, str]) -> Access:
    """Return the access that the current context of these files describes.

    Raises:
        ConfigError: a file cannot be read, or what it says is incomplete or not supported.
    """
    parsed = [(file, _parse(file)) for file in files]
    where = os.pathsep.join(str(file) for file in files)
    name = next((content.current_context for _, content in parsed if content.current_context), "")
    if not name:
        raise ConfigError(f"{where}: no current-context; choose one: kubectl config use-context")
    context = next(
        (item.context for _, part in parsed for item in part.contexts or () if item.name == name),
        None,
    )
    if context is None:
        raise ConfigError(f"{where}: current-context {name!r} is not among the contexts")
    return Access(
        cluster=_find_cluster(parsed, context.cluster, where=where),
        user=_find_user(parsed, context.user, where=where),
        namespace=context.namespace or DEFAULT_NAMESPACE,
        source=f"{where}, context {name!r}",
        environment=environment,
    )


def _parse(file: Path) -> _File:
    text = read_text(file)
    try:
        document = yaml.load(text, _LOADER)  # noqa: S506 - it is the safe loader, in C
    except (yaml.YAMLError, RecursionError):
        raise ConfigError(f"{file}: this kubeconfig is no valid YAML") from None
    try:
        return msgspec.convert(_without_nulls(document or {}), _File)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{file}: this kubeconfig is wrong: {error}") from None


def _without_nulls(value: Any) -> Any:
    """Return the value without empty fields, which mean the same as absent ones."""
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value


def _find_cluster(parsed: Sequence[tuple[Path, _File]], name: str, *, where: str) -> Cluster:
    for file, content in parsed:
        for item in content.clusters or ():
            if item.name == name:
                return _cluster(item.cluster, file, label=f"{file}: cluster {name!r}")
    raise ConfigError(f"{where}: cluster {name!r} of the current context is missing")


def _cluster(given: _Cluster, file: Path, *, label: str) -> Cluster:
    if not given.server.startswith(("https://", "http://")):
        raise ConfigError(f"{label}: server must be a URL with https://")
    if given.proxy_url and not given.proxy_url.startswith(("http://", "https://")):
        raise ConfigError(f"{label}: proxy-url must begin with http:// or https://")
    return Cluster(
        server=given.server.rstrip("/"),
        ca_pem=_content(
            given.certificate_authority_data,
            given.certificate_authority,
            file,
            label=f"{label}: certificate-authority",
        ),
        insecure=given.insecure_skip_tls_verify,
        tls_server_name=given.tls_server_name,
        proxy_url=given.proxy_url,
    )


def _find_user(parsed: Sequence[tuple[Path, _File]], name: str, *, where: str) -> User:
    for file, content in parsed:
        for item in content.users or ():
            if item.name == name:
                return _user(item.user, file, label=f"{file}: user {name!r}")
    if not name:
        return User()
    raise ConfigError(f"{where}: user {name!r} of the current context is missing")


def _user(given: _User, file: Path, *, label: str) -> User:
    if given.auth_provider is not None:
        raise ConfigError(
            f"{label}: auth-provider is gone from Kubernetes; use an exec plugin instead"
        )
    if given.as_user_extra:
        raise ConfigError(f"{label}: as-user-extra is not supported")
    certificate = _content(
        given.client_certificate_data,
        given.client_certificate,
        file,
        label=f"{label}: client-certificate",
    )
    key = _content(given.client_key_data, given.client_key, file, label=f"{label}: client-key")
    if bool(certificate) != bool(key):
        raise ConfigError(f"{label}: client-certificate and client-key go together")
    return User(
        token_file=_beside(file, given.token_file) if given.token_file else None,
        token=given.token,
        username=given.username,
        password=given.password,
        plugin=_plugin(given.exec_, file, label=f"{label}: exec") if given.exec_ else None,
        certificate_pem=certificate,
        key_pem=key,
        certificate_file=_file_of(given.client_certificate_data, given.client_certificate, file),
        key_file=_file_of(given.client_key_data, given.client_key, file),
        impersonation=Impersonation(given.as_, given.as_uid, tuple(given.as_groups or ())),
    )


def _plugin(given: _Plugin, file: Path, *, label: str) -> ExecPlugin:
    if given.api_version not in PLUGIN_VERSIONS:
        known = ", ".join(sorted(PLUGIN_VERSIONS))
        raise ConfigError(
            f"{label}: apiVersion {shorten(given.api_version, 80)!r} is not known; use {known}"
        )
    if given.interactive_mode == "Always":
        raise ConfigError(f"{label}: interactiveMode Always needs a terminal, and there is none")
    if not given.command:
        raise ConfigError(f"{label}: command is missing")
    # A bare name is looked for on PATH; a path is relative to the kubeconfig.
    command = str(_beside(file, given.command)) if "/" in given.command else given.command
    return ExecPlugin(
        api_version=given.api_version,
        command=command,
        arguments=tuple(given.args or ()),
        environment={variable.name: variable.value for variable in given.env or ()},
        wants_cluster=given.provide_cluster_info,
        install_hint=given.install_hint,
    )


def _content(data: str, name: str, file: Path, *, label: str) -> str:
    """Return PEM text that stands in the file as base64, or in a file beside it."""
    if not data:
        return read_bytes(_beside(file, name)).decode("ascii", "replace") if name else ""
    try:
        return base64.b64decode("".join(data.split()), validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        raise ConfigError(f"{label}-data is no base64 of PEM text") from None


def _file_of(data: str, name: str, file: Path) -> Path | None:
    """Return the file that `_content` reads, None where it reads none."""
    return _beside(file, name) if name and not data else None


def _beside(file: Path, name: str) -> Path:
    return Path(os.path.abspath(file.parent / name))  # noqa: PTH100 - links stay as they are
