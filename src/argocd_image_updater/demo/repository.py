"""The bare Git repository of the demonstration: made in one commit, read back with git itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from argocd_image_updater.errors import BugError
from argocd_image_updater.git.process import Surroundings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from argocd_image_updater.git.process import GitRunner

BRANCH = "main"
# A fixed moment: the first commit has the same id in every demonstration.
_COMMITTER = b"Deploy team <deploy@shop.example> 1767258000 +0000"
_MESSAGE = b"Deploy the shop\n"


@dataclass(frozen=True, slots=True)
class BareRepository:
    """A bare repository and the way to run git in it."""

    path: Path
    runner: GitRunner

    @property
    def url(self) -> str:
        return self.path.as_uri()

    async def create(self, files: Mapping[str, bytes]) -> None:
        """Make the repository with one commit that holds `files`, by their paths."""
        await self._git(["init", "--quiet", "--bare", f"--initial-branch={BRANCH}", str(self.path)])
        with (self.path / "config").open("a") as config:
            # Nothing may go on in the background when the folder is removed.
            config.write("[receive]\n\tautogc = false\n")
        arguments = [f"--git-dir={self.path}", "fast-import", "--quiet"]
        await self._git(arguments, stdin=_import_stream(files))

    async def log(self) -> Sequence[str]:
        """Return the branch's commits, newest first, as ``id subject``."""
        arguments = [f"--git-dir={self.path}", "log", "--format=%h %s", "--abbrev=12", BRANCH]
        return (await self._git(arguments)).splitlines()

    async def tip(self) -> str:
        """Return the full id of the branch's newest commit."""
        return (await self._git([f"--git-dir={self.path}", "rev-parse", BRANCH])).strip()

    async def _git(self, arguments: Sequence[str], *, stdin: bytes = b"") -> str:
        output = await self.runner.run(arguments, Surroundings(), stdin=stdin)
        if not output.ok:
            raise BugError(f"git failed in {self.path}: {output.stderr.strip()}")
        return output.stdout.decode("utf-8", "replace")


def _import_stream(files: Mapping[str, bytes]) -> bytes:
    """Return the first commit in the form that ``git fast-import`` reads."""
    parts = [
        b"commit refs/heads/%s\n" % BRANCH.encode(),
        b"committer %s\n" % _COMMITTER,
        b"data %d\n%s" % (len(_MESSAGE), _MESSAGE),
    ]
    parts += [
        b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(content), content)
        for path, content in sorted(files.items())
    ]
    return b"".join(parts)
