"""Gather facts until every Application has its plan.

The plans say which questions are open; all open questions of all Applications are asked together,
each once; then the plans are made again. Rounds are bounded: a plan asks for lists, metadata, ages,
then at most the current tag, the signatures and the target, so more rounds than that are a fault of
ours. Such a fault, like every exception that nobody foresaw, ends the Application it happened to,
not the cycle.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from argocd_image_updater.core.choice import Pending
from argocd_image_updater.core.facts import FileQuestion
from argocd_image_updater.core.plan import ApplicationPlan, plan_application, stopped_plan
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.errors import internal_fault

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from argocd_image_updater.core.due import Policy
    from argocd_image_updater.core.facts import (
        Answer,
        Question,
        RegistryQuestion,
        VerificationQuestion,
    )
    from argocd_image_updater.core.settings import ApplicationIntent

ROUNDS = 16
# Plans are pure computation: the event loop gets its turn after this many.
PLANS_PER_TURN = 50


class AsksRegistries(Protocol):
    """Answers questions to registries; every question gets exactly one answer."""

    async def ask(
        self,
        questions: Collection[RegistryQuestion | VerificationQuestion],
        *,
        on_answer: Callable[[], None] | None = None,
    ) -> Mapping[RegistryQuestion | VerificationQuestion, Answer]: ...


class AsksRepositories(Protocol):
    """Answers questions to Git repositories."""

    async def ask(
        self, questions: Collection[FileQuestion], *, on_answer: Callable[[], None] | None = None
    ) -> Mapping[FileQuestion, Answer]: ...


async def gather(
    intents: Sequence[ApplicationIntent],
    *,
    policy: Policy,
    registries: AsksRegistries,
    repositories: AsksRepositories,
    on_progress: Callable[[int, int], None] | None = None,
) -> tuple[ApplicationPlan, ...]:
    """Return one plan per intent, in order.

    on_progress: called with answered and asked questions.
    """
    facts: dict[Question, Answer] = {}
    plans: list[ApplicationPlan | None] = [None] * len(intents)
    waiting = list(range(len(intents)))
    done = 0
    for _ in range(ROUNDS):
        questions: set[Question] = set()
        still: list[int] = []
        for turn, index in enumerate(waiting):
            plan = _plan(intents[index], facts, policy=policy)
            if isinstance(plan, Pending):
                questions |= plan.questions
                still.append(index)
            else:
                plans[index] = plan
            if turn % PLANS_PER_TURN == 0:
                await asyncio.sleep(0)
        waiting = still
        if not waiting:
            return tuple(plan for plan in plans if plan is not None)
        total = done + len(questions)

        def answered() -> None:
            nonlocal done
            done += 1
            if on_progress is not None:
                on_progress(done, total)  # noqa: B023 - called only while this round runs

        new = await _ask(
            questions, registries=registries, repositories=repositories, on_answer=answered
        )
        if not new.keys() - facts.keys():
            break
        facts.update(new)
    for index in waiting:
        plans[index] = stopped_plan(
            intents[index],
            reason=Reason.INTERNAL_ERROR,
            message="internal error: planning asked the same questions again; please report it "
            "with the manifests",
        )
    return tuple(plan for plan in plans if plan is not None)


def _plan(
    intent: ApplicationIntent, facts: Mapping[Question, Answer], *, policy: Policy
) -> ApplicationPlan | Pending:
    try:
        return plan_application(intent, facts=facts, policy=policy)
    except Exception as error:  # noqa: BLE001 - one Application's fault must not end the others
        return stopped_plan(intent, reason=Reason.INTERNAL_ERROR, message=internal_fault(error))


async def _ask(
    questions: set[Question],
    *,
    registries: AsksRegistries,
    repositories: AsksRepositories,
    on_answer: Callable[[], None],
) -> dict[Question, Answer]:
    files = [question for question in questions if isinstance(question, FileQuestion)]
    others = [question for question in questions if not isinstance(question, FileQuestion)]
    async with asyncio.TaskGroup() as group:
        from_registries = group.create_task(registries.ask(others, on_answer=on_answer))
        from_repositories = group.create_task(repositories.ask(files, on_answer=on_answer))
    answers: dict[Question, Answer] = dict(from_registries.result().items())
    answers.update(from_repositories.result().items())
    return answers
