"""How many images of one repository are read in one cycle, and which ones first.

A repository may have ten thousand tags. Rules: 1. tags that were never read come first, in order of
their names, then those that are passed over and due again; 2. what is beyond the ration is answered
by what is remembered, else as postponed, never as absent; 3. what was read does not count again, so
each cycle gets further.
Source of the rules: docs/registries.md.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from argocd_image_updater.core.facts import (
    Failure,
    FailureKind,
    MetadataQuestion,
    RepositoryKey,
    TagMetadata,
)
from argocd_image_updater.registry.metadata import PERMANENT_KINDS, Purpose
from argocd_image_updater.registry.passed_over import PassedOver

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Place = tuple[RepositoryKey, str]
"""A repository with the slot of images that may be compared with each other."""


def slot_of(platforms: tuple[str, ...], purpose: Purpose) -> str:
    """Return the key of images that may be compared with each other: never across purposes."""
    return f"{purpose.value} {' '.join(platforms)}"


def place_of(question: MetadataQuestion) -> Place:
    """Return where the image that a question is about belongs."""
    return question.repository, slot_of(question.platforms, Purpose.METADATA)


class Rations:
    """What was read in this cycle, and what is passed over in the next ones."""

    def __init__(self, *, unix: Callable[[], float]) -> None:
        self._unix = unix
        self._reads: Counter[RepositoryKey] = Counter()
        self._passed_over = PassedOver()

    def begin_cycle(self) -> None:
        """Begin to count anew."""
        self._reads.clear()

    def left_out(
        self, repository: RepositoryKey, questions: Iterable[MetadataQuestion], *, most: int
    ) -> dict[MetadataQuestion, Failure]:
        """Return the answers to the questions that are not asked; all others count as asked now.

        questions: about images of the repository that are not known. most: reads in one cycle.
        """
        now = self._unix()
        answers: dict[MetadataQuestion, Failure] = {}
        wanted: list[tuple[MetadataQuestion, Failure | None]] = []
        for question in questions:
            place = place_of(question)
            remembered = self._passed_over.recall(place, question.tag)
            if remembered and not self._passed_over.is_due(place, question.tag, now=now):
                answers[question] = remembered
            else:
                wanted.append((question, remembered))
        wanted.sort(key=lambda item: (item[1] is not None, item[0].tag, item[0].platforms))
        room = max(0, most - self._reads[repository])
        self._reads[repository] += min(room, len(wanted))
        why = f"at most {most} images of a repository are read in one cycle (metadataReads)"
        postponed = Failure(FailureKind.POSTPONED, why)
        answers.update((question, known or postponed) for question, known in wanted[room:])
        return answers

    def learn(self, place: Place, tag: str, answer: TagMetadata | Failure, *, lasts: bool) -> None:
        """Note what was read. lasts: it is stored for ever."""
        if lasts:
            self._passed_over.forget(place, (tag,))
        elif isinstance(answer, Failure) and answer.kind in PERMANENT_KINDS:
            self._passed_over.note(place, tag, answer, now=self._unix())

    def keep(self, place: Place, listed: set[str]) -> None:
        """Forget tags that are no longer listed."""
        self._passed_over.forget(place, self._passed_over.known(place) - listed)
