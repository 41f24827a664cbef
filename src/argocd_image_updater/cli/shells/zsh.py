"""The completion script for zsh, for a folder of ``$fpath``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from argocd_image_updater.cli.shells.grammar import PROGRAM

if TYPE_CHECKING:
    from collections.abc import Sequence

    from argocd_image_updater.cli.shells.grammar import CommandWord, FlagWord

_SCRIPT = """\
#compdef {program}
# zsh completion for {program}
_{program}() {{
    local curcontext="$curcontext" state line
    local -a commands
    commands=(
{commands}
    )
    _arguments -C '1: :->command' '*:: :->arguments'
    case $state in
        command) _describe command commands ;;
        arguments)
            case $line[1] in
{cases}
            esac ;;
    esac
}}
if [[ $funcstack[1] == _{program} ]]; then
    _{program} "$@"
else
    compdef _{program} {program}
fi
"""


def zsh_script(commands: Sequence[CommandWord]) -> str:
    """Return the script."""
    return _SCRIPT.format(
        program=PROGRAM,
        commands="\n".join(f"        {_described(command)}" for command in commands),
        cases="\n".join(_case(command) for command in commands),
    )


def _described(command: CommandWord) -> str:
    text = f":{_escaped(command.description)}" if command.description else ""
    return f"'{command.name}{text}'"


def _case(command: CommandWord) -> str:
    words = [_flag(flag) for flag in command.flags]
    if command.values:
        words.append(f"'1:value:({' '.join(command.values)})'")
    lines = " \\\n".join(f"                    {word}" for word in words)
    return f"                {command.name}) _arguments \\\n{lines} ;;"


def _flag(flag: FlagWord) -> str:
    text = f"[{_escaped(flag.description)}]" if flag.description else ""
    star = "*" if flag.repeatable else ""
    if not flag.takes_value:
        return f"'{flag.name}{text}'"
    return f"'{star}{flag.name}={text}:value:{_action(flag)}'"


def _action(flag: FlagWord) -> str:
    if flag.path:
        return "_files -/" if flag.path == "dir" else "_files"
    return f"({' '.join(flag.values)})" if flag.values else ""


def _escaped(text: str) -> str:
    for character in "\\[]:":
        text = text.replace(character, f"\\{character}")
    return text.replace("'", "'\\''")
