"""Answer questions about files in Git: one read per branch, whoever asks."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING, Protocol

from argocd_image_updater.core.facts import Failure, FailureKind
from argocd_image_updater.errors import internal_fault

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from argocd_image_updater.core.facts import Answer, BranchKey, FileFact, FileQuestion


class ReadsBranches(Protocol):
    """The part of the Git engine that reads."""

    async def read(
        self, key: BranchKey, paths: Collection[str]
    ) -> Mapping[str, FileFact | Failure]: ...


class Repositories:
    """Groups the questions of a cycle by branch.

    trouble: why Git must not be used in this cycle; every question has it as its answer then, so
    that nothing is written either. Empty = it may.
    """

    def __init__(self, git: ReadsBranches, *, trouble: str = "") -> None:
        self._git = git
        self._trouble = trouble

    async def ask(
        self, questions: Collection[FileQuestion], *, on_answer: Callable[[], None] | None = None
    ) -> Mapping[FileQuestion, Answer]:
        """Return what stands at every path that is asked for."""
        by_branch: dict[BranchKey, list[FileQuestion]] = defaultdict(list)
        for question in questions:
            by_branch[question.branch].append(question)

        async def read(key: BranchKey, group: list[FileQuestion]) -> dict[FileQuestion, Answer]:
            paths = {question.path for question in group}
            found: Mapping[str, FileFact | Failure]
            try:
                found = (
                    dict.fromkeys(paths, Failure(FailureKind.LOCAL, self._trouble))
                    if self._trouble
                    else await self._git.read(key, paths)
                )
            except Exception as error:  # noqa: BLE001 - other repositories are read all the same
                failure = Failure(FailureKind.INTERNAL, internal_fault(error))
                found = dict.fromkeys(paths, failure)
            for _ in group:
                if on_answer is not None:
                    on_answer()
            return {question: found[question.path] for question in group}

        parts = await asyncio.gather(*(read(key, group) for key, group in by_branch.items()))
        return {question: answer for part in parts for question, answer in part.items()}
