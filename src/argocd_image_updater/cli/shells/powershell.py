"""The completion script for PowerShell 5 and later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from argocd_image_updater.cli.shells.grammar import PROGRAM

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from argocd_image_updater.cli.shells.grammar import CommandWord

_SCRIPT = """\
# powershell completion for {program}
Register-ArgumentCompleter -Native -CommandName '{program}' -ScriptBlock {{
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = @{{
{words}
    }}
    $values = @{{
{values}
    }}
    $given = @($commandAst.CommandElements | Select-Object -Skip 1 | ForEach-Object {{ "$_" }})
    if ($wordToComplete -and $given.Count -gt 0) {{
        $given = @($given | Select-Object -SkipLast 1)
    }}
    $previous = if ($given.Count -gt 0) {{ $given[-1] }} else {{ '' }}
    $command = $given | Where-Object {{ $words.ContainsKey($_) }} | Select-Object -First 1
    if ($values.ContainsKey($previous)) {{
        $candidates = $values[$previous]
    }} else {{
        $candidates = $words["$command"]
    }}
    $candidates | Where-Object {{ $_[0] -like "$wordToComplete*" }} | ForEach-Object {{
        [System.Management.Automation.CompletionResult]::new($_[0], $_[0], 'ParameterValue', $_[1])
    }}
}}
"""


def powershell_script(commands: Sequence[CommandWord]) -> str:
    """Return the script."""
    first = [(command.name, command.description) for command in commands]
    words = [_entry("", first), *(_entry(command.name, _words(command)) for command in commands)]
    choices = {
        flag.name: flag.values for command in commands for flag in command.flags if flag.values
    }
    values = [_entry(name, [(word, "") for word in words]) for name, words in choices.items()]
    return _SCRIPT.format(program=PROGRAM, words="\n".join(words), values="\n".join(values))


def _words(command: CommandWord) -> list[tuple[str, str]]:
    values = [(value, "") for value in command.values]
    return values + [(flag.name, flag.description) for flag in command.flags]


def _entry(name: str, words: Iterable[tuple[str, str]]) -> str:
    # A tool tip must not be empty: the word itself stands in.
    pairs = ", ".join(f"@({_quoted(word)}, {_quoted(tip or word)})" for word, tip in words)
    return f"        {_quoted(name)} = @({pairs})"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
