"""Which of several Secrets holds the credentials of a repository, and what they are. Pure.

Pull secrets: the entry with the longest path wins over all Secrets of the ServiceAccounts, then
their order. Repository Secrets of Argo CD: of type ``oci``, or ``helm`` with ``enableOCI``, with
user and password, for the same host and the longest path that the repository begins with; one that
is bound to a project before one that is not, a repository before a template.
Source of the rules: docs/credentials.md,
https://kubernetes.io/docs/concepts/containers/images/#config-json and
https://argo-cd.readthedocs.io/en/stable/operator-manual/declarative-setup/.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from argocd_image_updater.core.argocd_secrets import (
    REPOSITORY_TYPE,
    REPOSITORY_TYPES,
    SECRET_TYPE_LABEL,
    SecretFields,
    is_true,
    text_fields,
)
from argocd_image_updater.core.found_credentials import Finder
from argocd_image_updater.registry.credentials.dockerconfig import (
    credentials_from_docker_config,
    longest_match,
    path_length,
    read_docker_config,
)
from argocd_image_updater.registry.credentials.values import CredentialValueError, decode_value
from argocd_image_updater.registry.endpoint import Credentials

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from argocd_image_updater.core.application import ObjectKey
    from argocd_image_updater.core.snapshot import Secret

# The flags that let images use them.
WORKLOAD_SETTING = "--workload-pull-secrets"
ARGOCD_SETTING = "--argocd-repository-credentials"
# Fields of the types kubernetes.io/dockerconfigjson and, older, kubernetes.io/dockercfg.
CONFIG_FIELD = ".dockerconfigjson"
OLD_CONFIG_FIELD = ".dockercfg"
_OCI = "oci"
_HELM = "helm"


def docker_config_in(data: Mapping[str, bytes]) -> str:
    """Return the Docker configuration that a pull secret holds, an older one in the newer form.

    Raises:
        CredentialValueError: there is none, or it cannot be read.
    """
    if CONFIG_FIELD in data:
        return decode_value(data[CONFIG_FIELD])
    if OLD_CONFIG_FIELD in data:
        return json.dumps({"auths": read_docker_config(decode_value(data[OLD_CONFIG_FIELD]))})
    raise CredentialValueError(f"it has neither field {CONFIG_FIELD} nor {OLD_CONFIG_FIELD}")


def best_pull_secret(
    secrets: Iterable[Secret], *, api_url: str, repository: str
) -> ObjectKey | None:
    """Return the pull secret with the best entry for a repository, None where none has one.

    Raises:
        CredentialValueError: a Secret cannot be read, so that nobody knows whether it has one.
    """
    best, found = -1, None
    for secret in secrets:
        try:
            text = docker_config_in(secret.data)
            length = longest_match(text, api_url=api_url, repository=repository)
        except CredentialValueError as error:
            raise CredentialValueError(f"pull secret {secret.key}: {error}") from None
        if length > best:
            best, found = length, secret.key
    return found


def best_repository_secret(
    secrets: Iterable[Secret], *, project: str, api_url: str, repository: str
) -> ObjectKey | None:
    """Return the repository Secret of Argo CD that is meant for a repository, None where none is.

    project: of the Application, which really belongs to it; empty = only Secrets of no project.
    """
    ranked = []
    for secret in secrets:
        fields = text_fields(secret.data)
        kind = secret.labels.get(SECRET_TYPE_LABEL, "")
        bound_to = fields.get("project", "")
        if kind not in REPOSITORY_TYPES or not _is_login(fields) or bound_to not in {"", project}:
            continue
        url = fields.get("url", "").strip().removeprefix("oci://")
        length = path_length(url, api_url=api_url, repository=repository)
        if length >= 0:
            ranked.append((-length, not bound_to, kind != REPOSITORY_TYPE, secret.key))
    return min(ranked)[-1] if ranked else None


def is_bound(secret: Secret) -> bool:
    """Tell whether a repository Secret of an OCI registry is for one project only."""
    return bool(secret.data.get("project")) and _is_login(text_fields(secret.data))


def pair_in_secret(
    data: Mapping[str, bytes], finder: Finder, *, api_url: str, repository: str, source: str
) -> Credentials:
    """Return the credentials for a repository out of a Secret that was found for it.

    Raises:
        CredentialValueError: it holds none.
    """
    if finder is Finder.WORKLOAD:
        return credentials_from_docker_config(
            docker_config_in(data),
            api_url=api_url,
            repository=repository,
            source=source,
            identity_tokens=True,
        )
    fields = text_fields(data)
    if not _is_login(fields):
        raise CredentialValueError("the Secret holds no user and password of an OCI registry")
    return Credentials(fields["username"], fields["password"], source)


def _is_login(fields: SecretFields) -> bool:
    """Tell whether a repository Secret is about an OCI registry and has what logs in there."""
    kind = fields.get("type", "")
    is_oci = kind == _OCI or (kind == _HELM and is_true(fields.get("enableOCI")))
    return is_oci and bool(fields.get("username")) and bool(fields.get("password"))
