"""The completion script for bash; it needs nothing but bash 4. Bash shows no descriptions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from argocd_image_updater.cli.shells.grammar import PROGRAM

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from argocd_image_updater.cli.shells.grammar import CommandWord, FlagWord

_SCRIPT = """\
# bash completion for {program}
_argocd_image_updater() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} flag= command= word
    local IFS=$' \\t\\n'
    COMPREPLY=()
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        case $word in
            {commands}) command=$word; break ;;
        esac
    done
    # "--flag=value" arrives as the three words "--flag", "=" and "value".
    if [[ $current == "=" ]]; then
        current= flag="${{COMP_WORDS[COMP_CWORD-1]}}="
    elif [[ ${{COMP_WORDS[COMP_CWORD-1]}} == "=" ]]; then
        flag="${{COMP_WORDS[COMP_CWORD-2]}}="
    else
        flag=${{COMP_WORDS[COMP_CWORD-1]}}
    fi
    case $flag in
{values}
    esac
    case $command in
{flags}
        *) COMPREPLY=($(compgen -W "{words}" -- "$current")) ;;
    esac
}}
complete -F _argocd_image_updater {program}
"""


def bash_script(commands: Sequence[CommandWord]) -> str:
    """Return the script."""
    names = [command.name for command in commands]
    flags = {flag.name: flag for command in commands for flag in command.flags}
    return _SCRIPT.format(
        program=PROGRAM,
        commands="|".join(names),
        words=" ".join(names),
        values="\n".join(_values(flag) for flag in flags.values()),
        flags="\n".join(_flags(command) for command in commands),
    )


def _values(flag: FlagWord) -> str:
    if not flag.takes_value:
        return f"        {flag.name}=) {_reply(('true', 'false'))}; return ;;"
    pattern = f"        {flag.name}|{flag.name}=)"
    if flag.path:
        kind = "-d" if flag.path == "dir" else "-f"
        files = f"IFS=$'\\n'; COMPREPLY=($(compgen {kind} -- \"$current\"))"
        return f"{pattern} {files}; compopt -o filenames 2>/dev/null; return ;;"
    return f"{pattern} {_reply(flag.values)}; return ;;" if flag.values else f"{pattern} return ;;"


def _flags(command: CommandWord) -> str:
    words = [*command.values, *(flag.name for flag in command.flags)]
    return f"        {command.name}) {_reply(words)} ;;"


def _reply(words: Iterable[str]) -> str:
    return f'COMPREPLY=($(compgen -W "{" ".join(words)}" -- "$current"))'
