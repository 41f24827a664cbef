"""Questions to the remote: the tips of all its branches, and the objects that are missing here.

One ``ls-remote`` names the default branch and every tip; a fetch asks for exactly one commit by its
id, without history and without tags, together with all files below a size; where that turns out to
be very much, it is broken off, and only the folders are fetched. Servers that know no filter send
every file, which is right too.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from argocd_image_updater.git.failures import (
    DamagedMirrorError,
    GitError,
    is_damage,
    is_redirect,
    remote_error,
    sentence,
)
from argocd_image_updater.git.refs import HEADS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping, Sequence

    from argocd_image_updater.git.connection import Connection
    from argocd_image_updater.git.mirror import Mirror
    from argocd_image_updater.git.process import GitOutput, GitRunner, Surroundings

# Words of a server that no longer has the commit, or that gives out tips by name only.
_NOT_GIVEN = (
    "not our ref",
    "unadvertised object",
    "couldn't find remote ref",
    "no such remote ref",
)
_WATCH_S = 0.05  # how often the size of a running fetch is looked at
_FETCH = (
    "fetch",
    "--no-tags",
    "--no-write-fetch-head",
    "--no-recurse-submodules",
    "--no-auto-maintenance",
    "--no-progress",
)


@dataclass(frozen=True, slots=True)
class RemoteTips:
    """The branches of a repository at one moment.

    default: full name of the default branch, empty when HEAD names none. heads: commit by full
    name.
    """

    default: str
    heads: Mapping[str, str]


class CommitNotGivenError(Exception):
    """The server does not hand out the commit that was asked for by its id."""


class FetchTooLargeError(Exception):
    """More came than was wanted; what was there of it is given up."""


async def list_tips(runner: GitRunner, connection: Connection, mirror: Mirror) -> RemoteTips:
    """Ask the remote for all its branches and the default one."""
    arguments = ["ls-remote", "--symref", "--", connection.url.text, "HEAD", "refs/heads/*"]
    output = await run_remote(runner, arguments, connection=connection, mirror=mirror)
    if not output.ok:
        raise remote_error(output.stderr, where=connection.url.shown)
    return parse_tips(output.stdout.decode("utf-8", "surrogateescape"))


def parse_tips(text: str) -> RemoteTips:
    """Read the answer of ``ls-remote --symref``."""
    default = ""
    heads: dict[str, str] = {}
    for line in text.split("\n"):
        value, _, name = line.partition("\t")
        if name == "HEAD" and value.startswith("ref: "):
            default = value.removeprefix("ref: ")
        elif name.startswith(HEADS):
            heads[name] = value
    return RemoteTips(default if default in heads else "", heads)


async def fetch_commit(
    runner: GitRunner,
    connection: Connection,
    mirror: Mirror,
    *,
    source: str,
    branch: str,
    limit: int,
    most_bytes: int = 0,
) -> str:
    """Bring a commit and its files up to `limit` bytes; return the commit that came.

    source: the commit's id, or the branch's full name where ids are not given out. most_bytes:
    FetchTooLargeError where more comes, 0 = all that comes is taken.
    """
    arguments = [
        f"--git-dir={mirror.repo}",
        *_FETCH,
        "--depth=1",
        f"--filter=blob:limit={limit}" if limit else "--filter=blob:none",
        "origin",
        f"+{source}:{mirror.tip_ref(branch)}",
    ]
    async with _watched(mirror, most_bytes):
        output = await run_remote(runner, arguments, connection=connection, mirror=mirror)
    _check_fetch(output, connection)
    return mirror.tip(branch)


@contextlib.asynccontextmanager
async def _watched(mirror: Mirror, most_bytes: int) -> AsyncIterator[None]:
    """Break off what is inside as soon as a fetch has brought more than that."""
    if not most_bytes:
        yield
        return
    too_large = False

    async def watch(fetch: asyncio.Timeout) -> None:
        nonlocal too_large
        while mirror.draft_bytes() <= most_bytes:  # noqa: ASYNC110 - a file of another process
            await asyncio.sleep(_WATCH_S)
        too_large = True
        fetch.reschedule(0)

    watcher: asyncio.Task[None] | None = None
    try:
        async with asyncio.timeout(None) as fetch:
            watcher = asyncio.create_task(watch(fetch))
            yield
    except TimeoutError:
        if not too_large:
            raise
        raise FetchTooLargeError from None
    finally:
        if watcher is not None:
            watcher.cancel()


async def fetch_objects(
    runner: GitRunner, connection: Connection, mirror: Mirror, *, object_ids: Collection[str]
) -> None:
    """Bring single objects that a filter held back, all in one request."""
    arguments = [
        f"--git-dir={mirror.repo}",
        *_FETCH,
        "--filter=blob:none",
        "--stdin",
        "origin",
    ]
    output = await run_remote(
        runner,
        arguments,
        connection=connection,
        mirror=mirror,
        stdin="".join(f"{name}\n" for name in object_ids).encode("ascii"),
        configuration={"fetch.negotiationAlgorithm": "noop"},
    )
    _check_fetch(output, connection)


async def run_remote(
    runner: GitRunner,
    arguments: Sequence[str],
    *,
    connection: Connection,
    mirror: Mirror,
    stdin: bytes = b"",
    configuration: Mapping[str, str] | None = None,
) -> GitOutput:
    """Run a command that talks to the remote; where it redirects, once more in the careful way."""
    while True:
        with connection.surroundings(
            mirror.folder, keep_open=mirror.keep_open, ask=mirror.redirected
        ) as around:
            output = await _run_named(
                runner,
                arguments,
                around.with_configuration(configuration),
                stdin=stdin,
                where=connection.url.shown,
            )
        if output.ok or mirror.redirected or not is_redirect(output.stderr):
            return output
        if not connection.can_ask:
            return output
        mirror.redirected = True


async def _run_named(
    runner: GitRunner, arguments: Sequence[str], around: Surroundings, *, stdin: bytes, where: str
) -> GitOutput:
    """Run a command; an error of the process itself, as a time-out, then names the repository."""
    try:
        return await runner.run(arguments, around, stdin=stdin)
    except GitError as error:
        raise GitError(error.kind, f"{where}: {error}", reason=error.reason) from error


def _check_fetch(output: GitOutput, connection: Connection) -> None:
    if output.ok:
        return
    text = output.stderr.lower()
    if any(words in text for words in _NOT_GIVEN):
        raise CommitNotGivenError
    if is_damage(output.stderr) and not is_redirect(output.stderr):
        raise DamagedMirrorError(sentence(output.stderr))
    raise remote_error(output.stderr, where=connection.url.shown)
