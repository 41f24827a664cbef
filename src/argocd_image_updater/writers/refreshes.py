"""Have Argo CD look at Applications right after their branch was pushed.

One request for each Application and push: a merge patch of an annotation, which races with nobody.
It is a courtesy: whatever goes wrong, the change is in Git and Argo CD finds it by itself later; so
no image ends in an error for it. Where the right is missing, that is said once.

Source of the rules: docs/write-back.md.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from argocd_image_updater.core.application import Application
from argocd_image_updater.core.bounded_text import first_of
from argocd_image_updater.core.refreshes import RefreshEnd, follows, refresh_change
from argocd_image_updater.errors import DeniedError, UpdaterError, internal_fault
from argocd_image_updater.kube.answers import ObjectMissing
from argocd_image_updater.kube.kinds import APPLICATIONS
from argocd_image_updater.writers.result import WriteStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from argocd_image_updater.core.application import ObjectKey
    from argocd_image_updater.core.refreshes import Push
    from argocd_image_updater.kube.client import KubeClient
    from argocd_image_updater.kube.store import ClusterStore
    from argocd_image_updater.writers.result import WriteResult

OPEN_REFRESHES = 8  # half of the client's requests, so that writes are not kept waiting
# So many in a row that the API server did not take: the rest of this push is left.
MOST_FAILED = OPEN_REFRESHES
_TOLD_WARNINGS = 5


def _uncounted(_end: RefreshEnd) -> None: ...


class ApplicationRefresher:
    """Keep one for the life of the process: it remembers what it has warned of.

    store: follows the Applications, and so knows of an annotation that is there. observe: called
    with each end, for metrics.
    """

    def __init__(
        self,
        client: KubeClient,
        *,
        store: ClusterStore | None = None,
        observe: Callable[[RefreshEnd], None] = _uncounted,
    ) -> None:
        self._client = client
        self._store = store
        self._observe = observe
        self._slots = asyncio.Semaphore(OPEN_REFRESHES)
        self._denied: set[str] = set()  # namespaces that were warned of
        self._warnings: list[str] = []

    async def __call__(self, results: Sequence[WriteResult]) -> None:
        """Ask for every Application that follows what was pushed for it; never fails."""
        wanted: dict[ObjectKey, tuple[Application, Push]] = {}
        for result in results:
            application, push = result.plan.intent.application, result.push
            written = result.status is WriteStatus.WRITTEN and push is not None
            if written and push is not None and follows(application, push):
                wanted.setdefault(application.key, (application, push))
        run = _Run()
        await asyncio.gather(*(self._contained(*item, run=run) for item in wanted.values()))

    def take_warnings(self) -> tuple[str, ...]:
        """Return what went wrong since the last call."""
        warnings, self._warnings = self._warnings, []
        return first_of(warnings, _TOLD_WARNINGS)

    async def _contained(self, application: Application, push: Push, *, run: _Run) -> None:
        async with self._slots:
            try:
                end = await self._refresh(application, push, run=run)
            except Exception as error:  # noqa: BLE001 - what was pushed must be reported
                end = self._failed(application.key, internal_fault(error), run=run)
        self._observe(end)

    async def _refresh(self, application: Application, push: Push, *, run: _Run) -> RefreshEnd:
        key = application.key
        if key.namespace in run.denied or run.failed_in_a_row >= MOST_FAILED:
            return RefreshEnd.LEFT
        change = refresh_change(self._newest(application), push)
        if not change:
            return RefreshEnd.PRESENT
        try:
            await self._client.patch(APPLICATIONS, key, change)
        except ObjectMissing:
            return RefreshEnd.GONE
        except DeniedError as error:
            return self._refused(key, error, run=run)
        except UpdaterError as error:
            return self._failed(key, str(error), run=run)
        run.failed_in_a_row = 0
        self._denied.discard(key.namespace)
        return RefreshEnd.REQUESTED

    def _newest(self, application: Application) -> Application:
        found = self._store.find(APPLICATIONS, application.key) if self._store else None
        newest = found.value if found is not None else None
        return newest if isinstance(newest, Application) else application

    def _refused(self, key: ObjectKey, error: DeniedError, *, run: _Run) -> RefreshEnd:
        run.denied.add(key.namespace)
        if key.namespace not in self._denied:
            self._denied.add(key.namespace)
            self._warnings.append(
                f"Argo CD is not told of pushes for Applications of namespace {key.namespace}, and "
                f"finds them at its next look: {error}; {error.hint}, or set "
                "--refresh-after-push=false"
            )
        return RefreshEnd.DENIED

    def _failed(self, key: ObjectKey, why: str, *, run: _Run) -> RefreshEnd:
        run.failed_in_a_row += 1
        self._warnings.append(
            f"Argo CD is not told of the push for Application {key}, and finds it at its next "
            f"look: {why}"
        )
        return RefreshEnd.FAILED


class _Run:
    """What one push has met: namespaces without the right, and failures in a row."""

    def __init__(self) -> None:
        self.denied: set[str] = set()
        self.failed_in_a_row = 0
