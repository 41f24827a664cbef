"""Secrets of the cluster, each read at most once in a cycle and forgotten after it.

A failed read is kept for the cycle as well: whoever asks next gets the same error, and the API
server is not asked again for what it has just refused.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from argocd_image_updater.errors import UpdaterError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence

    from argocd_image_updater.core.application import ObjectKey
    from argocd_image_updater.core.snapshot import Secret
    from argocd_image_updater.kube.secrets import ClusterSecrets

_Question = TypeVar("_Question")
_Result = TypeVar("_Result")


_Label = tuple[str, str, frozenset[str]]


class CycleSecrets:
    """Answers from the cluster through a memory that lasts one cycle."""

    def __init__(self, cluster: ClusterSecrets) -> None:
        self._cluster = cluster
        self._secrets: dict[ObjectKey, asyncio.Future[Secret | None]] = {}
        self._lists: dict[_Label, asyncio.Future[Sequence[Secret]]] = {}

    def begin_cycle(self) -> None:
        """Forget everything."""
        self._cancel_open()
        self._secrets.clear()
        self._lists.clear()

    def _cancel_open(self) -> None:
        """End what a cycle left that was cut off."""
        for secret in self._secrets.values():
            secret.cancel()
        for listed in self._lists.values():
            listed.cancel()

    async def read(self, key: ObjectKey) -> Secret | None:
        """Return a Secret, None where there is none."""
        return await _once(self._secrets, key, lambda: self._cluster.read(key))

    async def read_data(self, key: ObjectKey) -> Mapping[str, bytes] | None:
        """Return what a Secret holds, None where there is none."""
        secret = await self.read(key)
        return secret.data if secret else None

    async def list_labelled(
        self, namespace: str, *, label: str, values: frozenset[str]
    ) -> Sequence[Secret]:
        """Return the Secrets of a namespace whose label has one of the values."""
        return await _once(
            self._lists,
            (namespace, label, values),
            lambda: self._cluster.list_labelled(namespace, label=label, values=values),
        )

    async def read_present(self, keys: Collection[ObjectKey]) -> dict[ObjectKey, Secret]:
        """Return those that exist and can be read; the others are left out."""

        async def present(key: ObjectKey) -> Secret | None:
            try:
                return await self.read(key)
            except UpdaterError:
                return None

        found = await asyncio.gather(*map(present, keys))
        return {key: secret for key, secret in zip(keys, found, strict=True) if secret}


async def _once(
    asked: dict[_Question, asyncio.Future[_Result]],
    question: _Question,
    ask: Callable[[], Coroutine[None, None, _Result]],
) -> _Result:
    """Ask once; who is cancelled while waiting does not take the answer from the others."""
    if question not in asked:
        asked[question] = asyncio.ensure_future(ask())
    return await asyncio.shield(asked[question])
