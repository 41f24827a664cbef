"""Which reference of a resource is tried first for an Application, and whether it matches.

Specificity decides the order: an exact name before any label selector, a selector before a long
pattern; equal references keep their order in the resource.

Source of the rules: docs/resource.md, tests/vectors/data/application_selection.json; label
selectors: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from argocd_image_updater.core.globs import Glob, MalformedGlob, compile_glob
from argocd_image_updater.core.inheritance import ref_origin
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.settings import Problem
from argocd_image_updater.errors import ConfigError, shorten

if TYPE_CHECKING:
    from collections.abc import Mapping

    from argocd_image_updater.core.application import Application
    from argocd_image_updater.core.resource import (
        ApplicationRef,
        LabelExpression,
        LabelSelector,
        Resource,
    )

_EXACT_SCORE = 1_000_000
_SELECTOR_SCORE = 10_000
_TERM_SCORE = 100

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_SUBDOMAIN_LIMIT = 253
_WITH_VALUES = ("In", "NotIn")
_WITHOUT_VALUES = ("Exists", "DoesNotExist")


@dataclass(frozen=True, slots=True)
class Matcher:
    """One reference, ready to be compared; `never` = its selector cannot be used."""

    ref: ApplicationRef
    glob: Glob
    never: bool = False

    def matches(self, application: Application) -> bool:
        """Whether name and labels of the Application fit."""
        return (
            not self.never
            and self.glob.matches(application.key.name)
            and labels_match(self.ref.selector, application.labels)
        )


def specificity(ref: ApplicationRef) -> int:
    """Return the score of a reference; the highest is tried first."""
    pattern = ref.name_pattern
    literal = re.sub(r"[*?]", "", re.sub(r"\[.*?\]", "", pattern, flags=re.DOTALL))
    score = len(literal.encode())
    if is_exact(ref):
        score += _EXACT_SCORE
    if ref.selector is not None:
        terms = len(ref.selector.labels) + len(ref.selector.expressions)
        score += _SELECTOR_SCORE + _TERM_SCORE * terms
    return score


def is_exact(ref: ApplicationRef) -> bool:
    """Whether a reference names one Application."""
    return not re.search(r"[*?\[\]]", ref.name_pattern)


def compile_refs(resource: Resource) -> tuple[tuple[Matcher, ...], tuple[Problem, ...], bool]:
    """Return the references, the most specific first, with problems and whether all is lost.

    A malformed pattern anywhere ends the whole resource; an unusable selector only its reference.
    """
    if not resource.refs:
        problem = _problem(resource, "spec.applicationRefs", "selects nothing: it is empty")
        return (), (problem,), True
    matchers, problems, is_failed = [], [], False
    for ref in sorted(resource.refs, key=specificity, reverse=True):
        path = f"spec.{ref_origin(ref)}"
        try:
            glob = compile_glob(ref.name_pattern)
        except MalformedGlob as error:
            problems.append(_problem(resource, f"{path}.namePattern", str(error)))
            is_failed = True
            continue
        fault = selector_fault(ref.selector)
        if fault:
            problems.append(_problem(resource, f"{path}.labelSelectors", fault))
        matchers.append(Matcher(ref, glob, never=bool(fault)))
    return tuple(matchers), tuple(problems), is_failed


def _problem(resource: Resource, path: str, message: str) -> Problem:
    return Problem(
        Reason.SETTINGS_INVALID,
        f"{path}: {message}",
        resource=resource.key,
        field_path=path,
    )


def labels_match(selector: LabelSelector | None, labels: Mapping[str, str]) -> bool:
    """Whether labels fit a selector that is known to be usable."""
    if selector is None:
        return True
    return all(labels.get(key) == value for key, value in selector.labels) and all(
        _expression_matches(expression, labels) for expression in selector.expressions
    )


def _expression_matches(expression: LabelExpression, labels: Mapping[str, str]) -> bool:
    value = labels.get(expression.key)
    match expression.operator:
        case "In":
            return value in expression.values
        case "NotIn":
            return value not in expression.values
        case "Exists":
            return value is not None
        case _:
            return value is None


def selector_fault(selector: LabelSelector | None) -> str:
    """Return why a selector cannot be used, or nothing."""
    if selector is None:
        return ""
    try:
        for key, value in selector.labels:
            _check_key(key)
            _check_value(value)
        for expression in selector.expressions:
            _check_expression(expression)
    except ConfigError as error:
        return f"{error}; the reference matches nothing"
    return ""


def _check_expression(expression: LabelExpression) -> None:
    _check_key(expression.key)
    operator, values = expression.operator, expression.values
    if operator not in _WITH_VALUES + _WITHOUT_VALUES:
        known = ", ".join(_WITH_VALUES + _WITHOUT_VALUES)
        raise ConfigError(f"operator {shorten(operator, 40)!r} is none of {known}")
    if operator in _WITH_VALUES and not values:
        raise ConfigError(f"operator {operator} of {expression.key} needs values")
    if operator in _WITHOUT_VALUES and values:
        raise ConfigError(f"operator {operator} of {expression.key} takes no values")
    for value in values:
        _check_value(value)


def _check_key(key: str) -> None:
    prefix, slash, name = key.rpartition("/")
    is_prefix = not slash or (len(prefix) <= _SUBDOMAIN_LIMIT and _SUBDOMAIN.fullmatch(prefix))
    if not _NAME.fullmatch(name) or not is_prefix:
        raise ConfigError(f"{shorten(key, 80)!r} is no label key")


def _check_value(value: str) -> None:
    if value and not _NAME.fullmatch(value):
        raise ConfigError(f"{shorten(value, 80)!r} is no label value")
