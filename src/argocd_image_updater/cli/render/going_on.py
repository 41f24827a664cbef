"""What can be done with a kept demonstration: commands that can be copied as they stand."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_INDEX_TYPE = "application/vnd.oci.image.index.v1+json"


@dataclass(frozen=True, slots=True)
class KeptFolder:
    """The folder, its parts, the port its manifests name, and how this program is called."""

    folder: Path
    manifests: Path
    state: Path
    repository: Path
    port: int
    program: str


def render_kept(kept: KeptFolder) -> str:
    """Return what to do after the demonstration has ended."""
    serving = f"{kept.program} demo --serve {_quoted(kept.folder)}"
    return (
        f"The folder is kept: {kept.folder}\nTo go on, serve its registry, until Ctrl-C:\n\n"
        f"   {serving}\n\nand in another terminal:\n\n{render_commands(kept)}"
    )


def render_commands(kept: KeptFolder) -> str:
    """Return what can be tried while the registry is served."""
    return "".join(f"   # {why}\n   {command}\n" for why, command in _commands(kept))


def _commands(kept: KeptFolder) -> Iterator[tuple[str, str]]:
    places = f"--manifests {_quoted(kept.manifests)} --state-dir {_quoted(kept.state)}"
    tags = f"http://127.0.0.1:{kept.port}/v2/web/manifests"
    yield (
        "give the web shop a newer tag",
        f"curl -fsS {tags}/1.5.0 | curl -fsS -H 'Content-Type: {_INDEX_TYPE}' -T - {tags}/1.6.0",
    )
    yield "what a run would write", f"{kept.program} plan {places}"
    yield "why, tag by tag", f"{kept.program} explain web --all {places}"
    yield "write it", f"{kept.program} run --once {places}"
    yield "see it", f"git --git-dir={_quoted(kept.repository)} log -p main"
    yield "remove everything", f"rm -r {_quoted(kept.folder)}"


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
