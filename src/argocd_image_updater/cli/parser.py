"""The flag table as a click command line, with the errors and help texts of this program.

click parses; what a value means is said by `values.py` and `durations.py`, and what a flag is by
the table in `flags.py`. Every mistake becomes a UsageError: "Error: …" with the usage, exit code 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from argocd_image_updater.cli.arguments import (
    HELP_WORDS,
    UsageError,
    join_booleans,
    nearest,
    put_command_first,
)
from argocd_image_updater.cli.flag import Flag, Kind
from argocd_image_updater.cli.flags import BY_NAME, FLAGS, flags_of
from argocd_image_updater.cli.help_texts import HELP_OF, OVERVIEW, command_help
from argocd_image_updater.cli.values import parse_bool, parse_int
from argocd_image_updater.core.durations import parse_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PROGRAM = "argocd-image-updater"

# What the command line of argocd-image-updater has and this release has not.
_LATER_COMMANDS = {
    "webhook": "events of registries are not received in this release; run looks by itself"
}

_PARSERS: dict[Kind, Callable[[str], Any]] = {
    Kind.BOOL: parse_bool,
    Kind.INT: parse_int,
    Kind.DURATION: parse_duration,
    Kind.TEXT: str,
    Kind.LIST: str,
}


if TYPE_CHECKING:
    _ParamType = click.ParamType[Any]
else:
    _ParamType = click.ParamType  # generic in newer releases of click only


class FlagType(_ParamType):
    """Turns the text of one flag into its value."""

    def __init__(self, flag: Flag) -> None:
        self.flag = flag
        self.name = flag.kind.value

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> object:
        if not isinstance(value, str):
            return value
        try:
            return check_value(self.flag, _PARSERS[self.flag.kind](value))
        except ValueError as error:
            self.fail(f'invalid argument "{value}" for "{self.flag.option}": {error}', param, ctx)


def check_value(flag: Flag, value: Any) -> Any:
    """Return `value` as the flag allows it.

    Raises:
        ValueError: not one of the words, or outside the range.
    """
    if flag.choices:
        word = value.lower() if flag.ignore_case else value
        if word not in flag.choices:
            raise ValueError(f"must be one of {', '.join(word for word in flag.choices if word)}")
        return word
    if flag.allowed is not None and value not in flag.allowed:
        least, most = flag.allowed.start, flag.allowed.stop - 1
        raise ValueError(f"must be {least} or more" if value < least else f"must be at most {most}")
    return value


class FlagCommand(click.Command):
    """A command whose flags come from the table."""

    def __init__(
        self,
        name: str,
        callback: Callable[..., int],
        *,
        arguments: tuple[click.Argument, ...] = (),
        ignore_extra: bool = False,
    ) -> None:
        self.flags: Mapping[str, Flag] = {flag.name: flag for flag in flags_of(name)}
        self.ignore_extra = ignore_extra
        super().__init__(
            name,
            callback=callback,
            params=[*arguments, *(_option(flag) for flag in self.flags.values())],
            short_help=HELP_OF[name].summary,
            context_settings={"allow_extra_args": True, "help_option_names": HELP_WORDS[::-1]},
        )

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            rest = super().parse_args(ctx, join_booleans(args, self.flags))
        except click.UsageError as error:
            raise UsageError(_usage_text(error, self.flags), command=self.name or "") from error
        if rest and not self.ignore_extra:
            raise UsageError(
                f'{self.name} does not take the argument "{rest[0]}"', command=self.name or ""
            )
        return rest

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        formatter.write(command_help(self.name or ""))


class Program(click.Group):
    """The program: finds the command, wherever it stands among the flags."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        words = put_command_first(args, BY_NAME)
        if words and words[0].startswith("-") and words[0] not in HELP_WORDS:
            raise UsageError(_no_command_text(words[0], self.commands))
        return super().parse_args(ctx, words)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        command = self.get_command(ctx, args[0])
        if command is None:
            raise unknown_command(args[0], self.commands)
        return args[0], command, args[1:]

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(self.commands)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        formatter.write(OVERVIEW)


def unknown_command(name: str, known: Mapping[str, click.Command]) -> UsageError:
    """Return the error for a command that does not exist."""
    if name in _LATER_COMMANDS:
        return UsageError(f"there is no command {name} yet: {_LATER_COMMANDS[name]}")
    guess = nearest(name, known)
    return UsageError(
        f'unknown command "{name}" for "{PROGRAM}"',
        hint=(f"Did you mean {guess}? " if guess else "")
        + f"Run '{PROGRAM} --help' for the list of commands.",
    )


def _option(flag: Flag) -> click.Option:
    return click.Option(
        [flag.option, flag.name.replace("-", "_")],
        type=FlagType(flag),
        multiple=flag.kind is Kind.LIST,
        default=None,
    )


def _usage_text(error: click.UsageError, flags: Mapping[str, Flag]) -> str:
    if isinstance(error, click.NoSuchOption):
        guess = nearest(error.option_name.lstrip("-"), flags)
        text = f"unknown flag: {error.option_name}"
        return f"{text}; did you mean --{guess}?" if guess else text
    if isinstance(error, click.BadOptionUsage):
        return f"the flag {error.option_name} needs a value"
    if isinstance(error, click.MissingParameter):
        return f"the argument {error.param.human_readable_name if error.param else ''} is missing"
    return error.message


def _no_command_text(word: str, commands: Mapping[str, click.Command]) -> str:
    name = word.lstrip("-").partition("=")[0]
    if name in BY_NAME:
        rows = [flag for flag in FLAGS if flag.name == name]
        homes = [known for known in commands if any(known in flag.commands for flag in rows)]
        return f"--{name} belongs to a command: {', '.join(homes)}"
    if name in commands:
        return f'unknown flag: {word}; did you mean the command "{name}"?'
    guess = nearest(name, BY_NAME)
    return f"unknown flag: {word.partition('=')[0]}" + (
        f"; did you mean --{guess}?" if guess else ""
    )
