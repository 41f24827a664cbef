"""What a completion script needs to know: commands, their flags, and the values these take."""

from __future__ import annotations

from dataclasses import dataclass, replace

from argocd_image_updater.cli.flag import COMPLETION, Flag, Kind
from argocd_image_updater.cli.flags import flags_of
from argocd_image_updater.cli.help_texts import HELP_OF

PROGRAM = "argocd-image-updater"
SHELLS = ("bash", "zsh", "fish", "powershell")


@dataclass(frozen=True, slots=True)
class FlagWord:
    """One flag. takes_value: it is followed by one; values: the words it may be."""

    name: str
    description: str = ""
    takes_value: bool = False
    repeatable: bool = False
    values: tuple[str, ...] = ()
    path: str = ""


@dataclass(frozen=True, slots=True)
class CommandWord:
    """One command. values: words that may follow it."""

    name: str
    flags: tuple[FlagWord, ...]
    description: str = ""
    values: tuple[str, ...] = ()


def read_grammar(*, descriptions: bool) -> tuple[CommandWord, ...]:
    """Return all commands; without `descriptions` these are empty."""
    commands = tuple(_command(name) for name in HELP_OF)
    return commands if descriptions else tuple(_bare(command) for command in commands)


def _command(name: str) -> CommandWord:
    flags = (*(_flag(flag) for flag in flags_of(name)), FlagWord("--help", "Show the help."))
    values = {COMPLETION: SHELLS, "help": tuple(HELP_OF)}.get(name, ())
    return CommandWord(name, flags, HELP_OF[name].summary, values)


def _flag(flag: Flag) -> FlagWord:
    return FlagWord(
        flag.option,
        flag.help.partition(". ")[0].removesuffix("."),
        takes_value=not flag.is_bool,
        repeatable=flag.kind is Kind.LIST,
        values=tuple(word for word in flag.choices if word),
        path=flag.path,
    )


def _bare(command: CommandWord) -> CommandWord:
    flags = tuple(replace(flag, description="") for flag in command.flags)
    return replace(command, description="", flags=flags)
