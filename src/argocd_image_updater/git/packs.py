"""The packs of a mirror: their names, the ids inside them, and how many small ones become one.

Each fetch and each push adds a pack, and git looks through all of them for every object. Merging
is geometric: the packs that stay are each twice as large as all smaller ones together, so every
object is copied a few times only, however many packs come. Nothing is looked for along references,
so a mirror that lacks most files (a partial clone) is merged like any other, and at the cost of
the small packs. Formats: https://git-scm.com/docs/gitformat-pack
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from argocd_image_updater.git.failures import DamagedMirrorError, sentence
from argocd_image_updater.git.process import Surroundings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from argocd_image_updater.git.mirror import Mirror
    from argocd_image_updater.git.process import GitRunner

PACK_LIMIT = 32  # packs after which the small ones are merged: some ten cycles with changes
# A mirror that is worth merging as a whole is fetched anew when it is larger: only that drops
# what no branch needs any more.
MERGED_LIMIT_BYTES = 16 << 20
_FACTOR = 2

_MAGIC = b"\xfftOc\x00\x00\x00\x02"
_FAN_OUT_BYTES = 256 * 4
_DIGEST_BYTES = {"sha1": 20, "sha256": 32}


def packs_to_merge(sizes: Mapping[str, int]) -> list[str]:
    """Return the names of the packs that are too small beside the others, the smallest first."""
    names = sorted(sizes, key=lambda name: (sizes[name], name))
    count = total = 0
    for index, name in enumerate(names):
        if sizes[name] < _FACTOR * total:
            count = index + 1
        total += sizes[name]
    return names[:count]


def read_index(content: bytes, object_format: str) -> list[str]:
    """Return the ids of the objects in a pack from its index; ValueError when it is none."""
    if content[: len(_MAGIC)] != _MAGIC:
        raise ValueError("an index of another version")
    start = len(_MAGIC) + _FAN_OUT_BYTES
    count = int.from_bytes(content[start - 4 : start], "big")
    width = _DIGEST_BYTES[object_format]
    if len(content) < start + count * width:
        raise ValueError("an index that ends early")
    return [content[at : at + width].hex() for at in range(start, start + count * width, width)]


async def merge_packs(mirror: Mirror, runner: GitRunner) -> None:
    """Put the small packs of a mirror into one; DamagedMirrorError when that is impossible.

    The old ones go last, index first, so that a crash leaves every object in at least one pack.
    """
    folder = mirror.repo / "objects" / "pack"
    sizes = {path.stem: path.stat().st_size for path in folder.glob("*.pack")}
    merged = packs_to_merge(sizes)
    if len(merged) == len(sizes) and sum(sizes.values()) > MERGED_LIMIT_BYTES:
        raise DamagedMirrorError("it holds more that is old than that is needed")
    ids = _ids(folder, merged, object_format=mirror.object_format)
    output = await runner.run(
        [
            f"--git-dir={mirror.repo}",
            "pack-objects",
            "--quiet",
            "--threads=1",
            "--delta-base-offset",
            str(folder / "pack"),
        ],
        Surroundings(keep_open=mirror.keep_open),
        stdin="".join(f"{name}\n" for name in sorted(ids)).encode("ascii"),
    )
    name = f"pack-{output.stdout.decode('ascii', 'replace').strip()}"
    if not output.ok or not (folder / f"{name}.idx").is_file():
        raise DamagedMirrorError(sentence(output.stderr))
    # What a filter held back is missing here too, and git believes that of marked packs only.
    (folder / f"{name}.promisor").touch()
    for old in set(merged) - {name}:
        remove_pack(folder, old)


def remove_pack(folder: Path, name: str) -> None:
    """Remove a pack; without its index git does not see what is left of it for a moment."""
    for ending in ("idx", "rev", "pack", "promisor", "keep"):
        (folder / f"{name}.{ending}").unlink(missing_ok=True)


def remove_half_packs(folder: Path) -> None:
    """Remove what commands that were killed have left: packs that have no index, and drafts."""
    names: dict[str, set[str]] = {}
    with contextlib.suppress(FileNotFoundError):
        for path in folder.iterdir():
            if path.name.startswith(("tmp_", ".tmp-")):
                path.unlink(missing_ok=True)
            else:
                names.setdefault(path.stem, set()).add(path.suffix)
    for name, endings in names.items():
        if not {".pack", ".idx"} <= endings:
            remove_pack(folder, name)


def _ids(folder: Path, names: Iterable[str], *, object_format: str) -> set[str]:
    found: set[str] = set()
    for name in names:
        try:
            found.update(read_index((folder / f"{name}.idx").read_bytes(), object_format))
        except (OSError, ValueError) as error:
            raise DamagedMirrorError(f"the index of {name} cannot be read: {error}") from error
    return found
