"""The program: its commands, and what every error looks like to the user.

`entry` is the console script. Commands import what they need when they run, so that ``version``,
``--help`` and completions start at once. A mistake in the command line shows the usage, any other
error does not; both say what to do.
"""

from __future__ import annotations

import gc
import os
import sys
from typing import TYPE_CHECKING, Any

import click

from argocd_image_updater.cli import exit_codes
from argocd_image_updater.cli.arguments import UsageError
from argocd_image_updater.cli.flag import (
    COMPLETION,
    DEMO,
    DOCTOR,
    EXPLAIN,
    PLAN,
    RUN,
    TEMPLATE,
    TEST,
    VALIDATE,
    VERSION,
)
from argocd_image_updater.cli.flags import flags_of
from argocd_image_updater.cli.help_texts import OVERVIEW, command_help
from argocd_image_updater.cli.parser import PROGRAM, FlagCommand, Program, unknown_command
from argocd_image_updater.errors import UpdaterError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from argocd_image_updater.cli.options import RunOptions


# A cycle makes some hundred thousand objects that live until it ends. Looking for garbage among
# them as often as Python does by default costs a sixth of the CPU time, and finds none.
OBJECTS_BEFORE_COLLECTION = 10_000


def entry() -> None:
    """Run the program with the words of the command line and end the process."""
    gc.set_threshold(OBJECTS_BEFORE_COLLECTION)
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character gets its code instead of a crash.
        if (reconfigure := getattr(stream, "reconfigure", None)) is not None:
            reconfigure(errors="backslashreplace")
    sys.exit(main(sys.argv[1:], environ=os.environ))


def main(words: Sequence[str], *, environ: Mapping[str, str]) -> int:
    """Run one command and return its exit code."""
    program = build_program()
    try:
        code = program.main(args=list(words), prog_name=PROGRAM, standalone_mode=False, obj=environ)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read the output has gone: nothing is left to say, and nowhere to say it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exit_codes.USAGE
    except (KeyboardInterrupt, click.Abort):
        return exit_codes.USAGE
    except UsageError as error:
        return _tell_usage_error(error)
    except UpdaterError as error:
        return _tell_error(error)
    except Exception as error:  # noqa: BLE001 - the last place that can tell the user
        return _tell_crash(error)
    return int(code or exit_codes.OK)


def build_program() -> click.Group:
    """Return the program with all its commands, in the order of the help."""
    topic = click.Argument(["topic"], required=False)
    shell = click.Argument(["shell"], required=False)
    application = click.Argument(["application"], metavar="APPLICATION")
    image = click.Argument(["image"], required=False, metavar="IMAGE")
    images = click.Argument(["images"], nargs=-1, metavar="IMAGE")
    words = click.Argument(["words"], nargs=-1, metavar="registry IMAGE")
    paths = click.Argument(["paths"], nargs=-1, metavar="PATH")
    commands = (
        FlagCommand(RUN, _run, ignore_extra=True),
        FlagCommand(PLAN, _plan),
        FlagCommand(EXPLAIN, _explain, arguments=(application, image)),
        FlagCommand(TEST, _test, arguments=(images,)),
        FlagCommand(DOCTOR, _doctor, arguments=(words,)),
        FlagCommand(VALIDATE, _validate),
        FlagCommand(TEMPLATE, _template, arguments=(paths,)),
        FlagCommand(DEMO, _demo),
        FlagCommand(VERSION, _version, ignore_extra=True),
        FlagCommand(COMPLETION, _completion, arguments=(shell,)),
        FlagCommand("help", _help, arguments=(topic,), ignore_extra=True),
    )
    return Program(
        PROGRAM,
        callback=_overview,
        invoke_without_command=True,
        commands={command.name or "": command for command in commands},
        context_settings={"help_option_names": ["-h", "--help"]},
    )


@click.pass_context
def _overview(context: click.Context) -> None:
    if context.invoked_subcommand is None:
        click.echo(OVERVIEW, nl=False)


def _run(**given: Any) -> int:
    from argocd_image_updater.cli.descriptors import make_room_for_files

    make_room_for_files()
    if not given["manifests"]:
        return _run_in_cluster(given)
    from argocd_image_updater.cli.run import run

    return run(_options(RUN, given), _environ())


def _run_in_cluster(given: Mapping[str, Any]) -> int:
    from argocd_image_updater.cli.cluster_options import read_cluster_options
    from argocd_image_updater.cli.controller import run_in_cluster

    options = read_cluster_options(given=_by_flag(RUN, given), environ=_environ())
    return run_in_cluster(options, _environ())


def _plan(**given: Any) -> int:
    from argocd_image_updater.cli.plan import plan

    return plan(_options(PLAN, given), _environ())


def _explain(*, application: str, image: str | None, **given: Any) -> int:
    from argocd_image_updater.cli.explain import Question, explain

    question = Question(application, image or "", all_tags=bool(given["all"]))
    return explain(_options(EXPLAIN, given), _environ(), question)


def _test(*, images: tuple[str, ...], **given: Any) -> int:
    if len(images) != 1:
        click.echo(command_help(TEST), nl=False)
        raise UsageError(f"test takes one IMAGE, not {len(images)}")
    from argocd_image_updater.cli.look_up import test
    from argocd_image_updater.cli.look_up_options import read_look_up_options

    options = read_look_up_options(images[0], given=_by_flag(TEST, given), environ=_environ())
    return test(options, _environ())


def _doctor(*, words: tuple[str, ...], **given: Any) -> int:
    subject, *images = words or ("",)
    if subject != "registry" or len(images) != 1:
        raise UsageError("doctor takes the word registry and one IMAGE", command=DOCTOR)
    from argocd_image_updater.cli.doctor import doctor_registry
    from argocd_image_updater.cli.registry_options import read_doctor_options

    options = read_doctor_options(images[0], given=_by_flag(DOCTOR, given), environ=_environ())
    return doctor_registry(options, _environ())


def _validate(**given: Any) -> int:
    from argocd_image_updater.cli.validate import read_validate_options, run_validate

    options = read_validate_options(given=_by_flag(VALIDATE, given), environ=_environ())
    return run_validate(options, _environ())


def _template(*, paths: tuple[str, ...]) -> int:
    from argocd_image_updater.cli.template import template

    # COMPAT: several paths mean the same as none, the built-in template.
    return template(paths[0] if len(paths) == 1 else None, _environ())


def _demo(*, keep: bool | None, serve: str | None) -> int:
    from argocd_image_updater.cli.demo import demo, serve_kept

    if serve is None:
        return demo(_environ(), keep=bool(keep))
    if keep:
        raise UsageError("--keep and --serve exclude each other", command=DEMO)
    return serve_kept(_environ(), serve)


def _version(*, short: bool | None) -> int:
    from argocd_image_updater.cli.version import read_build, version_text

    click.echo(version_text(read_build(), short=bool(short)), nl=False)
    return exit_codes.OK


def _completion(*, shell: str | None, no_descriptions: bool | None) -> int:
    from argocd_image_updater.cli.completion import SCRIPTS, completion_script

    if shell not in SCRIPTS:
        click.echo(command_help(COMPLETION), nl=False)
        return exit_codes.OK
    click.echo(completion_script(shell, descriptions=not no_descriptions), nl=False)
    return exit_codes.OK


def _help(*, topic: str | None) -> int:
    commands = build_program().commands if topic else {}
    if topic and topic not in commands:
        raise unknown_command(topic, commands)
    click.echo(command_help(topic) if topic else OVERVIEW, nl=False)
    return exit_codes.OK


def _options(command: str, given: Mapping[str, Any]) -> RunOptions:
    from argocd_image_updater.cli.options import read_options

    return read_options(command, given=_by_flag(command, given), environ=_environ())


def _by_flag(command: str, given: Mapping[str, Any]) -> dict[str, Any]:
    return {flag.name: given[flag.name.replace("-", "_")] for flag in flags_of(command)}


def _environ() -> Mapping[str, str]:
    environ: Mapping[str, str] = click.get_current_context().find_root().obj
    return environ


def _tell_usage_error(error: UsageError) -> int:
    page = command_help(error.command) if error.command else ""
    parts = [f"Error: {error}", error.hint, page.rstrip("\n")]
    # A long page scrolls the error away from a reader, but not from a log.
    parts += [f"Error: {error}"] if page and sys.stderr.isatty() else []
    click.echo("\n\n".join(part for part in parts if part), err=True)
    return exit_codes.USAGE


def _tell_error(error: UpdaterError) -> int:
    click.echo(f"Error: {error}", err=True)
    if error.hint:
        click.echo(f"  hint: {error.hint}", err=True)
    return exit_codes.of_error(error)


def _tell_crash(error: Exception) -> int:
    import traceback

    text = "".join(traceback.format_exception(error))
    click.echo(f"{text}\nError: internal error, please report it with the lines above", err=True)
    return exit_codes.FAILED
