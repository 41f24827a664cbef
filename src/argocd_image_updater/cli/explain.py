"""``explain``: why one image, or each image of one Application, is or is not updated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from argocd_image_updater.cli import exit_codes
from argocd_image_updater.cli.arguments import nearest
from argocd_image_updater.cli.console import open_console
from argocd_image_updater.cli.cycle import single_cycle
from argocd_image_updater.cli.render.explain import (
    explanation_document,
    render_explanation,
    render_problems,
)
from argocd_image_updater.cli.render.json_report import to_text
from argocd_image_updater.cli.session import open_session, require_manifests
from argocd_image_updater.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from argocd_image_updater.cli.options import RunOptions
    from argocd_image_updater.core.application import ObjectKey
    from argocd_image_updater.core.decisions import Decision
    from argocd_image_updater.core.report import CycleReport
    from argocd_image_updater.core.settings import Problem

_NAMES_SHOWN = 10  # in an error message


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be explained. image: empty = all images of the Application."""

    application: str
    image: str = ""
    all_tags: bool = False


def explain(options: RunOptions, environ: Mapping[str, str], question: Question) -> int:
    """Run the command and return its exit code."""
    require_manifests(options)
    console = open_console(options, environ)
    report = single_cycle(open_session(options), options, console)
    decisions, problems = select(report, question)
    if options.output == "json":
        console.write(to_text(explanation_document(decisions, problems), one_line=False))
        return exit_codes.OK
    terminal = console.out_terminal
    pages = [
        render_explanation(decision, terminal, all_tags=question.all_tags) for decision in decisions
    ]
    pages += [text for text in [render_problems(problems, terminal)] if text]
    console.write("\n".join(pages))
    return exit_codes.OK


def select(report: CycleReport, question: Question) -> tuple[Sequence[Decision], Sequence[Problem]]:
    """Return the decisions and problems that `question` is about.

    Raises:
        ConfigError: there are none; the message names what there is.
    """
    decisions = [d for d in report.decisions if _is_named(d.application, question.application)]
    problems = [
        problem
        for problem in report.problems
        if problem.application and _is_named(problem.application, question.application)
    ]
    if not decisions and not problems:
        raise _unknown_application(report, question.application)
    if not question.image:
        return decisions, problems
    matching = [d for d in decisions if _is_image(d.alias, d.image, question.image)]
    matching_problems = [p for p in problems if _is_image(p.alias, p.image, question.image)]
    if not matching and not matching_problems:
        raise _unknown_image(decisions, question)
    return matching, matching_problems


def _is_named(key: ObjectKey, text: str) -> bool:
    return text in (key.name, str(key))


def _is_image(alias: str, image: str, text: str) -> bool:
    return text in (alias, image) or image.endswith(f"/{text}")


def _unknown_application(report: CycleReport, name: str) -> ConfigError:
    known = sorted({str(decision.application) for decision in report.decisions})
    names = {key.partition("/")[2]: key for key in known} if "/" not in name else {}
    guess = nearest(name, names or known)
    return ConfigError(
        f'no image is configured for an application "{name}": there is no such application, or '
        "no ImageUpdater selects it",
        hint=f"did you mean {names.get(guess, guess)}?" if guess else _list_of(known),
    )


def _unknown_image(decisions: Sequence[Decision], question: Question) -> ConfigError:
    names = [decision.alias or decision.image for decision in decisions]
    guess = nearest(question.image, names)
    return ConfigError(
        f'the application {question.application} has no configured image "{question.image}"',
        hint=f"did you mean {guess}?" if guess else _list_of(names),
    )


def _list_of(names: Iterable[str]) -> str:
    listed = list(names)
    if not listed:
        return "nothing is configured in these manifests"
    more = f" and {len(listed) - _NAMES_SHOWN} more" if len(listed) > _NAMES_SHOWN else ""
    return f"configured: {', '.join(listed[:_NAMES_SHOWN])}{more}"
