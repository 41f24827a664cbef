"""What this process has written into Applications, so that a value that was put back is noticed.

Kept in memory only and bounded: after a restart, and for Applications that were not written for
long, a value that was put back once is not noticed. An Application that was deleted and made anew
is another one.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from argocd_image_updater.core.application import Application, ObjectKey
    from argocd_image_updater.core.application_patch import ValueChange
    from argocd_image_updater.core.application_places import Place

MOST_APPLICATIONS = 20_000  # about 1 KiB each
MOST_VALUES = 500  # of one Application


@dataclass(slots=True)
class _Written:
    uid: str
    values: dict[Place, str] = field(default_factory=dict)
    is_warned: bool = False


class WriteMemory:
    """most_applications: beyond it the Application that was written longest ago is forgotten."""

    def __init__(self, *, most_applications: int = MOST_APPLICATIONS) -> None:
        self._most = most_applications
        self._written: OrderedDict[ObjectKey, _Written] = OrderedDict()

    def values(self, application: Application) -> Mapping[Place, str]:
        """Return what was written into an Application last, by place."""
        found = self._written.get(application.key)
        return found.values if found is not None and found.uid == application.uid else {}

    def reverted(
        self, application: Application, changes: Iterable[ValueChange]
    ) -> tuple[ValueChange, ...]:
        """Return the changes that only repeat what was written before."""
        before = self.values(application)
        return tuple(change for change in changes if before.get(change.place) == change.new)

    def remember(self, application: Application, changes: Iterable[ValueChange]) -> None:
        """Note what was written."""
        values = self._of(application).values
        for change in changes:
            values.pop(change.place, None)  # so that it stands last
            values[change.place] = change.new
        while len(values) > MOST_VALUES:
            del values[next(iter(values))]

    def warn_once(self, application: Application) -> bool:
        """Tell whether it is the first time that a warning of an Application is asked for."""
        found = self._of(application)
        is_first, found.is_warned = not found.is_warned, True
        return is_first

    def _of(self, application: Application) -> _Written:
        found = self._written.get(application.key)
        if found is None or found.uid != application.uid:
            found = self._written[application.key] = _Written(application.uid)
        self._written.move_to_end(application.key)
        while len(self._written) > self._most:
            self._written.popitem(last=False)
        return found
