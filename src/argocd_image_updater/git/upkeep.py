"""What a mirror needs now and then, however long it is used: fewer packs, fewer tips, fewer grafts.

Every fetch without history leaves a commit whose parents are not here, and git names all of them to
the server with each fetch and push. Those that no branch leads to any more are forgotten, and so
are the tips of branches that the remote no longer has. Invariant: a commit that a tip leads to
stays marked, for else git would look for its parents. Format: the file `shallow` of
https://git-scm.com/docs/gitrepository-layout
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from argocd_image_updater.git.failures import DamagedMirrorError, sentence
from argocd_image_updater.git.packs import PACK_LIMIT, merge_packs
from argocd_image_updater.git.process import Surroundings

if TYPE_CHECKING:
    from collections.abc import Collection

    from argocd_image_updater.git.mirror import Mirror
    from argocd_image_updater.git.process import GitRunner


async def keep_up(mirror: Mirror, runner: GitRunner, *, branches: Collection[str]) -> None:
    """Tidy a mirror up where it is due; DamagedMirrorError when it is better built anew.

    branches: full names of those that the remote has.
    """
    if mirror.pack_count() <= PACK_LIMIT:
        return
    mirror.keep_tips(branches)
    await merge_packs(mirror, runner)
    await forget_grafts(mirror, runner)


async def forget_grafts(mirror: Mirror, runner: GitRunner) -> None:
    """Keep of the commits without parents only those that a tip leads to."""
    path = mirror.repo / "shallow"
    try:
        marked = path.read_text("ascii").split()
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise DamagedMirrorError(f"the list of shallow commits cannot be read: {error}") from error
    arguments = [f"--git-dir={mirror.repo}", "rev-list", "--all"]
    output = await runner.run(arguments, Surroundings(keep_open=mirror.keep_open))
    if not output.ok:
        raise DamagedMirrorError(sentence(output.stderr))
    reached = set(output.stdout.decode("ascii", "replace").split())
    kept = [commit for commit in marked if commit in reached]
    fresh = path.with_suffix(".new")
    fresh.write_text("".join(f"{commit}\n" for commit in kept), "ascii")
    fresh.replace(path)
