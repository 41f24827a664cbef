"""The completion script for fish."""

from __future__ import annotations

from typing import TYPE_CHECKING

from argocd_image_updater.cli.shells.grammar import PROGRAM

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from argocd_image_updater.cli.shells.grammar import CommandWord, FlagWord


def fish_script(commands: Sequence[CommandWord]) -> str:
    """Return the script."""
    names = " ".join(command.name for command in commands)
    lines = [f"# fish completion for {PROGRAM}", f"complete -c {PROGRAM} -f"]
    for command in commands:
        lines.extend(_command(command, names=names))
    return "\n".join(lines) + "\n"


def _command(command: CommandWord, *, names: str) -> Iterator[str]:
    first = f"complete -c {PROGRAM} -n 'not __fish_seen_subcommand_from {names}'"
    yield f"{first} -a {command.name}{_description(command.description)}"
    here = f"complete -c {PROGRAM} -n '__fish_seen_subcommand_from {command.name}'"
    if command.values:
        yield f"{here} -a '{' '.join(command.values)}'"
    for flag in command.flags:
        yield f"{here} -l {flag.name.removeprefix('--')}{_value(flag)}" + _description(
            flag.description
        )


def _value(flag: FlagWord) -> str:
    if not flag.takes_value:
        return ""
    if flag.path:
        return " -x -a '(__fish_complete_directories)'" if flag.path == "dir" else " -r -F"
    return f" -x -a '{' '.join(flag.values)}'" if flag.values else " -x"


def _description(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f" -d '{escaped}'" if text else ""
