"""What ``--help`` prints: one page per command, made from the flag table.

A page tells what the command does, how it is called, every flag with its default and environment
variable, examples and exit codes. Pure: data in, text out.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from argocd_image_updater.cli import exit_codes
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
    Flag,
    Section,
)
from argocd_image_updater.cli.flags import flags_of

_WIDTH = 98
_INDENT = "      "


@dataclass(frozen=True, slots=True)
class CommandHelp:
    """The words about one command."""

    usage: str
    summary: str
    text: str
    examples: tuple[tuple[str, str], ...] = ()
    codes: tuple[int, ...] = (exit_codes.OK, exit_codes.USAGE)


HELP_OF: dict[str, CommandHelp] = {
    RUN: CommandHelp(
        usage="run [--manifests DIR] [flags]",
        summary="Look for newer images and write them back",
        text="Reads ImageUpdater resources and Applications, asks the registries which tags exist, "
        "decides for every image, and writes the new versions to Git or to the Application. "
        "Without --manifests it is the controller of a cluster: it follows the resources and tells "
        "what it does in their status, in events, metrics and the log. With --manifests it works "
        "on files: on a terminal it shows progress and a table; elsewhere plain lines.",
        examples=(
            ("the controller, as a Deployment starts it", "--metrics-bind-address=:8443 run"),
            ("one pass over the cluster of the kubeconfig", "run --once --dry-run"),
            ("one cycle, as in a CI job", "run --once --manifests deploy/"),
            ("see what would happen", "run --once --dry-run --manifests deploy/"),
            ("repeat every five minutes", "run --interval 5m --manifests deploy/"),
            ("for machines", "run --once --manifests deploy/ --output json"),
        ),
        codes=(exit_codes.OK, exit_codes.USAGE, exit_codes.FAILED),
    ),
    PLAN: CommandHelp(
        usage="plan --manifests DIR [flags]",
        summary="Show what the next cycle would write, without writing",
        text="Evaluates one cycle and prints, for each destination, the commits or patches with "
        "their differences. Nothing is written. The differences contain the neighbouring lines of "
        "the changed files.",
        examples=(
            ("what would change", "plan --manifests deploy/"),
            ("fail a job when images are out of date", "plan --manifests deploy/ || exit 1"),
        ),
        codes=(exit_codes.OK, exit_codes.USAGE, exit_codes.FAILED, exit_codes.CHANGES),
    ),
    EXPLAIN: CommandHelp(
        usage="explain APPLICATION [IMAGE] --manifests DIR [flags]",
        summary="Show why an image is, or is not, updated",
        text="Prints the decision in full: every setting and where it came from, the current "
        "version and where it was read, each tag with the rule that kept or dropped it, the "
        "choice, and the reason. APPLICATION is a name or namespace/name; IMAGE an alias or an "
        "image name. Nothing is written.",
        examples=(
            ("all images of an Application", "explain guestbook --manifests deploy/"),
            (
                "one image with every tag",
                "explain argocd/guestbook nginx --all --manifests deploy/",
            ),
        ),
    ),
    TEST: CommandHelp(
        usage="test IMAGE [flags]",
        summary="Look up which tag an image would be updated to",
        text="Asks the registry of IMAGE and chooses a tag by the flags, as a cycle would for an "
        "image with these settings. Neither manifests nor a cluster are needed, unless credentials "
        "stand in a Secret. The result is the last line of the log, and alone on standard output.",
        examples=(
            ("the newest 1.x", "test ghcr.io/acme/web --semver-constraint ^1"),
            ("every tag, and why it was dropped", "test nginx --allow-tags 'regexp:^1[.]' --all"),
            (
                "a moving tag, with its digest",
                "test redis --update-strategy digest --semver-constraint latest",
            ),
            ("with a password", "test ghcr.io/acme/web --credentials env:GHCR_LOGIN"),
        ),
    ),
    DOCTOR: CommandHelp(
        usage="doctor registry IMAGE [flags]",
        summary="Find out what is wrong between here and the registry of an image",
        text="Looks at each step on the way to the registry of IMAGE: its entry in "
        "registries.conf, name, connection, proxy, certificate, credentials, API, login, tags, the "
        "newest images, limits. Ends with one sentence: what is wrong and what to do, or that all "
        "is well. Nothing is changed; names of credentials are shown, never their values.",
        examples=(
            ("why an image is not found", "doctor registry ghcr.io/acme/web"),
            (
                "with other credentials",
                "doctor registry ghcr.io/acme/web --credentials env:GHCR_LOGIN",
            ),
            ("for machines", "doctor registry nginx --output json"),
        ),
        codes=(exit_codes.OK, exit_codes.USAGE, exit_codes.FAILED),
    ),
    VALIDATE: CommandHelp(
        usage="validate [--manifests DIR] [--registries-conf-path FILE]",
        summary="Find every fault of the configuration, without asking anybody",
        text="Reads registries.conf and registries.extra.conf as the program does at its start, "
        "and with --manifests the ImageUpdater and Application manifests as a cycle does, and "
        "prints a line for each fault with file and line. What a cycle only warns of, such as a "
        "prefix that can never match, is a fault here. No registry, repository or cluster is "
        "asked, and nothing is written.",
        examples=(
            ("the files of a repository, in a CI job", "validate --manifests deploy/"),
            ("one file", "validate --registries-conf-path registries.conf"),
        ),
    ),
    TEMPLATE: CommandHelp(
        usage="template [PATH]",
        summary="Try a commit message template",
        text="Prints the message that the template in PATH gives for an example: the Application "
        "example-app with one image that gets another tag and one that gets another digest. "
        "Without PATH the built-in template is used.",
        examples=(("a template of your own", "template commit.template"),),
    ),
    DEMO: CommandHelp(
        usage="demo [--keep] [--serve DIR]",
        summary="Show a guided update on this machine, without cluster and network",
        text="Starts a registry and makes a Git repository in a temporary folder, lays out five "
        "Applications (one for each strategy and target, one with several sources), runs the main "
        "job three times and shows what it wrote: the third run writes nothing. Ends by itself and "
        "leaves nothing behind; needs git.",
        examples=(
            ("watch it", "demo"),
            ("keep the folder, and print how to go on with it", "demo --keep"),
        ),
        codes=(exit_codes.OK, exit_codes.USAGE, exit_codes.FAILED),
    ),
    VERSION: CommandHelp(
        usage="version [--short]",
        summary="Print the version",
        text="Prints version, commit and build date of this program and its runtime.",
    ),
    COMPLETION: CommandHelp(
        usage="completion bash|zsh|fish|powershell [--no-descriptions]",
        summary="Print a completion script for a shell",
        text="Prints a script that completes commands, flags and values in the given shell.",
        examples=(
            ("bash", "completion bash > /etc/bash_completion.d/argocd-image-updater"),
            ("zsh", 'completion zsh > "${fpath[1]}/_argocd-image-updater"'),
            ("fish", "completion fish > ~/.config/fish/completions/argocd-image-updater.fish"),
            ("powershell", "completion powershell | Out-String | Invoke-Expression"),
        ),
    ),
    "help": CommandHelp(
        usage="help [COMMAND]",
        summary="Show the help of a command",
        text="Prints the page of one command, or the overview.",
    ),
}


def command_help(command: str) -> str:
    """Return the page of one command, ending in a newline."""
    words = HELP_OF[command]
    parts = [
        textwrap.fill(words.text, _WIDTH),
        f"Usage:\n  argocd-image-updater {words.usage}",
        *_sections(command),
        _examples(words),
        _codes(words),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _sections(command: str) -> list[str]:
    flags = flags_of(command)
    blocks = []
    for section in Section:
        rows = [_flag_help(flag, command) for flag in flags if flag.section is section]
        if rows:
            blocks.append("\n".join([f"{section}:", *rows]))
    return [*blocks, "Other:\n  -h, --help\n      Show this page."]


def _flag_help(flag: Flag, command: str) -> str:
    default = flag.default_text(command)
    notes = [f"default {default}"] if default and not (flag.is_bool and default == "false") else []
    notes += [f"env {flag.env}"] if flag.env else []
    text = flag.help + (f" [{', '.join(notes)}]" if notes else "")
    body = textwrap.fill(text, _WIDTH, initial_indent=_INDENT, subsequent_indent=_INDENT)
    return f"  {flag.option}{_value_word(flag)}\n{body}"


def _value_word(flag: Flag) -> str:
    if flag.is_bool:
        return ""
    if flag.choices:
        return " " + "|".join(word for word in flag.choices if word)
    return " " + (flag.metavar or flag.kind.value.upper().removesuffix("S"))


def _examples(words: CommandHelp) -> str:
    if not words.examples:
        return ""
    lines = [f"  # {why}\n  argocd-image-updater {how}" for why, how in words.examples]
    return "\n".join(["Examples:", *lines])


def _codes(words: CommandHelp) -> str:
    lines = [
        textwrap.fill(
            exit_codes.MEANING[code].replace("`", ""),
            _WIDTH,
            initial_indent=f"  {code}  ",
            subsequent_indent="     ",
        )
        for code in words.codes
    ]
    return "\n".join(["Exit codes:", *lines])


def _overview() -> str:
    width = max(map(len, HELP_OF))
    rows = [f"  {name:<{width}}  {words.summary}" for name, words in HELP_OF.items()]
    return "\n".join(
        [
            "Keeps the container images of Argo CD applications up to date.",
            "",
            "Usage:",
            "  argocd-image-updater COMMAND [flags]",
            "",
            "Commands:",
            *rows,
            "",
            "Start here:",
            "  argocd-image-updater demo                    see it work, on this machine only",
            "  argocd-image-updater plan --manifests DIR    what would change, without writing",
            "  argocd-image-updater COMMAND --help          all flags of a command",
            "",
        ]
    )


OVERVIEW = _overview()
