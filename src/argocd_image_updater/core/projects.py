"""What an AppProject of Argo CD permits: which Applications it takes, and where they may deploy to.

It is asked before anything of a destination is used, so every doubt is a no: a rule with ``!``
forbids and never permits, a pattern that cannot be read here permits nothing and forbids everything
it might be about, and only the project itself counts, no global one.
Source of the rules: https://argo-cd.readthedocs.io/en/stable/user-guide/projects/ and
https://argo-cd.readthedocs.io/en/stable/operator-manual/app-any-namespace/; docs/credentials.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from argocd_image_updater.core.application import OWN_CLUSTER_NAME, OWN_CLUSTER_URL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from argocd_image_updater.core.application import Application, ObjectKey

KIND = "AppProject"
DEFAULT_PROJECT = "default"
_NOT = "!"
_BEYOND_US = frozenset("{}[]\\")  # what patterns of Argo CD know beside * and ?


@dataclass(frozen=True, slots=True)
class DestinationRule:
    """One entry of ``destinations``; each part is a pattern, ``!`` before it turns it round."""

    server: str = ""
    name: str = ""
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Project:
    """source_namespaces: patterns of the namespaces whose Applications may use it."""

    key: ObjectKey
    destinations: tuple[DestinationRule, ...] = ()
    source_namespaces: tuple[str, ...] = ()


def decode_project(document: Mapping[str, Any], key: ObjectKey) -> Project:
    """Return what a project says; parts of another shape say nothing."""
    spec = document.get("spec")
    spec = spec if isinstance(spec, dict) else {}
    return Project(
        key,
        tuple(
            DestinationRule(_text(rule, "server"), _text(rule, "name"), _text(rule, "namespace"))
            for rule in _list(spec.get("destinations"))
            if isinstance(rule, dict)
        ),
        tuple(item for item in _list(spec.get("sourceNamespaces")) if isinstance(item, str)),
    )


def takes(project: Project, application: Application) -> bool:
    """Tell whether an Application may belong to the project at all."""
    namespace = application.key.namespace
    return namespace == project.key.namespace or any(
        _permits(pattern, namespace) for pattern in project.source_namespaces
    )


def deploys_here(project: Project, namespace: str) -> bool:
    """Tell whether the project may deploy to a namespace of the cluster it stands in."""
    rules = project.destinations
    forbidden = any(_forbids(rule, namespace) for rule in rules)
    return not forbidden and any(_allows(rule, namespace) for rule in rules)


def _allows(rule: DestinationRule, namespace: str) -> bool:
    if any(part.startswith(_NOT) for part in (rule.server, rule.name, rule.namespace)):
        return False
    is_here = _permits(rule.server, OWN_CLUSTER_URL) or _permits(rule.name, OWN_CLUSTER_NAME)
    return is_here and _permits(rule.namespace, namespace)


def _forbids(rule: DestinationRule, namespace: str) -> bool:
    """Tell whether a rule with ``!`` is about this destination."""
    cluster = ((rule.server, OWN_CLUSTER_URL), (rule.name, OWN_CLUSTER_NAME))
    not_there = any(part.startswith(_NOT) for part, _ in cluster)
    not_in = rule.namespace.startswith(_NOT)
    is_here = any(_touches(part.removeprefix(_NOT), value) for part, value in cluster)
    is_in = _touches(rule.namespace.removeprefix(_NOT), namespace)
    return (not_in and is_in and (is_here or not_there)) or (
        not_there and is_here and (is_in or not_in)
    )


def _permits(pattern: str, text: str) -> bool:
    return bool(pattern) and not _BEYOND_US & set(pattern) and fnmatchcase(text, pattern)


def _touches(pattern: str, text: str) -> bool:
    return bool(pattern) and (bool(_BEYOND_US & set(pattern)) or fnmatchcase(text, pattern))


def _text(rule: Mapping[str, Any], name: str) -> str:
    value = rule.get(name)
    return value if isinstance(value, str) else ""


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
