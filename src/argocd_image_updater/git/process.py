"""One git process: its own minimal environment, a time limit, bounded output, no way to ask.

Invariant: nothing of the host's or a repository's configuration can run a program or change what
a command does: system and global configuration are off, hooks and file monitors are switched off,
only the transports of the allow-list work. Secrets travel in the environment of the one process
that needs them, never in its arguments. Every process leads a group of its own, so that a time-out
ends its children too: first asked to terminate, then killed.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from argocd_image_updater.core.facts import FailureKind
from argocd_image_updater.git.failures import GitError
from argocd_image_updater.git.urls import mask_url
from argocd_image_updater.processes.group import Command, NotStarted, started
from argocd_image_updater.processes.program import Limits, TookTooLong, run_to_end

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Mapping, Sequence
    from pathlib import Path

OUTPUT_LIMIT_BYTES = 64 << 20  # a list of half a million branches
STDERR_LIMIT_BYTES = 64 << 10  # more than any explanation

# Variables of the host that git, curl and ssh need; everything else stays outside.
PASSED_VARIABLES = frozenset(
    {"PATH", "TMPDIR", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "SSH_AUTH_SOCK"}
    | {"http_proxy", "https_proxy", "no_proxy", "all_proxy"}
    | {"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"}
)

_CONFIGURATION = {
    "protocol.version": "2",
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.askPass": "",
    "credential.helper": "",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "submodule.recurse": "false",
    "fetch.recurseSubmodules": "false",
    "push.recurseSubmodules": "no",
    "advice.pushUpdateRejected": "false",
    "http.followRedirects": "initial",
}


@dataclass(frozen=True, slots=True)
class GitOutput:
    """How a git process ended; stderr is masked."""

    returncode: int
    stdout: bytes
    stderr: str

    @property
    def ok(self) -> bool:
        return self.returncode == 0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What one command gets beside its arguments.

    variables: environment. configuration: git settings given through the environment.
    secrets: texts that are masked in whatever git says. keep_open: descriptors that the process
    and its children hold (the lock of the mirror, so that an orphan still owns it).
    """

    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    configuration: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    keep_open: tuple[int, ...] = ()

    def with_configuration(self, extra: Mapping[str, str] | None) -> Surroundings:
        """Return the same with further git settings."""
        return replace(self, configuration={**self.configuration, **(extra or {})})


@dataclass(frozen=True, slots=True)
class GitRunner:
    """Starts git processes.

    home: private folder, the processes' HOME and working directory. variables: those of the host;
    only PASSED_VARIABLES of them are handed on. timeout_s: a command is asked to end after it and
    killed kill_after_s later.
    """

    home: Path
    variables: Mapping[str, str] = field(repr=False)
    timeout_s: float = 90
    kill_after_s: float = 10

    async def run(
        self, arguments: Sequence[str], around: Surroundings, *, stdin: bytes = b""
    ) -> GitOutput:
        """Run ``git ARGUMENTS`` to its end; GitError(TRANSIENT) after the time limit."""
        limits = Limits(
            self.timeout_s, OUTPUT_LIMIT_BYTES, STDERR_LIMIT_BYTES, grace_s=self.kill_after_s
        )
        try:
            ending = await run_to_end(self._command(arguments, around), limits=limits, text=stdin)
        except NotStarted as error:
            raise _not_started(error) from None
        except TookTooLong:
            raise GitError(
                FailureKind.TRANSIENT,
                f"git {_name(arguments)}: timeout after {self.timeout_s:g}s, raise the time limit "
                "or look at the network",
            ) from None
        if ending.is_cut:
            raise GitError(
                FailureKind.UNUSABLE,
                f"git answered with more than {OUTPUT_LIMIT_BYTES >> 20} MiB: the repository has "
                "too many branches or too large a file",
            )
        return GitOutput(ending.status, ending.output, self._masked(ending.complaint, around))

    @contextlib.asynccontextmanager
    async def start(
        self, arguments: Sequence[str], around: Surroundings
    ) -> AsyncIterator[asyncio.subprocess.Process]:
        """Start git with pipes; whatever is left of its group at the end is killed."""
        try:
            async with started(self._command(arguments, around), takes_input=True) as process:
                yield process
        except NotStarted as error:
            raise _not_started(error) from None

    def _command(self, arguments: Sequence[str], around: Surroundings) -> Command:
        environment = self.environment(around)
        return Command(("git", *arguments), environment, self.home, around.keep_open)

    def environment(self, around: Surroundings) -> dict[str, str]:
        """Return the complete environment of a process."""
        settings = {**_CONFIGURATION, **around.configuration}
        environment = {
            name: value for name, value in self.variables.items() if name in PASSED_VARIABLES
        }
        environment.update(
            PATH=environment.get("PATH") or os.defpath,
            HOME=str(self.home),
            LC_ALL="C",
            GIT_CONFIG_NOSYSTEM="1",
            GIT_CONFIG_GLOBAL=os.devnull,
            GIT_ATTR_NOSYSTEM="1",
            GIT_TERMINAL_PROMPT="0",
            GIT_ALLOW_PROTOCOL="none",
            GIT_NO_LAZY_FETCH="1",
            GIT_CEILING_DIRECTORIES=str(self.home),
            GIT_CONFIG_COUNT=str(len(settings)),
        )
        for index, (key, value) in enumerate(settings.items()):
            environment[f"GIT_CONFIG_KEY_{index}"] = key
            environment[f"GIT_CONFIG_VALUE_{index}"] = value
        environment.update(around.variables)
        return environment

    @staticmethod
    def _masked(stderr: bytes, around: Surroundings) -> str:
        text = stderr.decode("utf-8", "replace")
        for secret in around.secrets:
            text = text.replace(secret, "***") if secret else text
        return mask_url(text)


def _not_started(error: NotStarted) -> GitError:
    return GitError(FailureKind.CONFIG, f"git cannot be started ({error}): install git")


def _name(arguments: Sequence[str]) -> str:
    return next((word for word in arguments if not word.startswith("-")), "")
