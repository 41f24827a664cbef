"""``completion``: a script that completes commands, flags and values in a shell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from argocd_image_updater.cli.shells.bash import bash_script
from argocd_image_updater.cli.shells.fish import fish_script
from argocd_image_updater.cli.shells.grammar import read_grammar
from argocd_image_updater.cli.shells.powershell import powershell_script
from argocd_image_updater.cli.shells.zsh import zsh_script

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from argocd_image_updater.cli.shells.grammar import CommandWord

SCRIPTS: dict[str, Callable[[Sequence[CommandWord]], str]] = {
    "bash": bash_script,
    "zsh": zsh_script,
    "fish": fish_script,
    "powershell": powershell_script,
}


def completion_script(shell: str, *, descriptions: bool) -> str:
    """Return the script for one of `SCRIPTS`, ending in a newline."""
    return SCRIPTS[shell](read_grammar(descriptions=descriptions))
