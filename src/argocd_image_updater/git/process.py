"""One git process: its own minimal environment, a time limit, bounded output, no way to ask.

Invariant: nothing of the host's or a repository's configuration can run a program or change what
a command does: system and global configuration are off, hooks and file monitors are switched off,
only the transports of the allow-list work. Secrets travel in the environment of the one process
that needs them, never in its arguments. Every process leads a group of its own, so that a time-out
ends its children too: first asked to terminate, then killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from argocd_image_updater.core.facts import FailureKind
from argocd_image_updater.git.failures import GitError
from argocd_image_updater.git.urls import mask_url

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from pathlib import Path

OUTPUT_LIMIT_BYTES = 64 << 20  # a list of half a million branches
STDERR_LIMIT_BYTES = 64 << 10  # more than any explanation
_CHUNK_BYTES = 1 << 16

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
        async with self.start(arguments, around) as process:
            try:
                async with asyncio.timeout(self.timeout_s):
                    stdout, stderr = await _communicate(process, stdin)
                    returncode = await process.wait()
            except TimeoutError:
                await self._end_group(process)
                raise GitError(
                    FailureKind.TRANSIENT,
                    f"git {_command(arguments)}: timeout after {self.timeout_s:g}s, raise the "
                    "time limit or look at the network",
                ) from None
        return GitOutput(returncode, stdout, self._masked(stderr, around))

    @contextlib.asynccontextmanager
    async def start(
        self, arguments: Sequence[str], around: Surroundings
    ) -> AsyncIterator[asyncio.subprocess.Process]:
        """Start git with pipes; whatever is left of its group at the end is killed."""
        try:
            process = await asyncio.create_subprocess_exec(
                "git",
                *arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                cwd=self.home,
                env=self.environment(around),
                start_new_session=True,
                pass_fds=around.keep_open,
                limit=_CHUNK_BYTES,
            )
        except OSError as error:
            raise GitError(
                FailureKind.CONFIG, f"git cannot be started ({error.strerror}): install git"
            ) from None
        try:
            yield process
        except BaseException:
            _signal_group(process, signal.SIGKILL)  # children may outlive their leader
            raise
        finally:
            await _close(process)

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

    async def _end_group(self, process: asyncio.subprocess.Process) -> None:
        """Ask the group to end and give it a while; closing kills what remains."""
        _signal_group(process, signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.kill_after_s):
                await process.wait()


async def _communicate(process: asyncio.subprocess.Process, stdin: bytes) -> tuple[bytes, bytes]:
    assert process.stdout
    assert process.stderr
    async with asyncio.TaskGroup() as group:
        group.create_task(feed(process, stdin))
        stdout = group.create_task(_read_all(process.stdout))
        stderr = group.create_task(_read_head(process.stderr))
    text = stdout.result()
    if text is None:
        raise GitError(
            FailureKind.UNUSABLE,
            f"git answered with more than {OUTPUT_LIMIT_BYTES >> 20} MiB: the repository has too "
            "many branches or too large a file",
        )
    return text, stderr.result()


async def feed(process: asyncio.subprocess.Process, stdin: bytes) -> None:
    """Write all input and close it; a process that ends early just does not read it."""
    assert process.stdin
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        if stdin:
            process.stdin.write(stdin)
            await process.stdin.drain()
    process.stdin.close()


async def _read_all(stream: asyncio.StreamReader) -> bytes | None:
    """Return the whole stream, or None when it is longer than allowed (the rest is thrown away)."""
    parts: list[bytes] = []
    size = 0
    while chunk := await stream.read(_CHUNK_BYTES):
        size += len(chunk)
        if size <= OUTPUT_LIMIT_BYTES:
            parts.append(chunk)
    return b"".join(parts) if size <= OUTPUT_LIMIT_BYTES else None


async def _read_head(stream: asyncio.StreamReader) -> bytes:
    """Return the beginning of the stream and read the rest away, so that nobody waits."""
    head = bytearray()
    while chunk := await stream.read(_CHUNK_BYTES):
        head += chunk[: STDERR_LIMIT_BYTES - len(head)]
    return bytes(head)


async def _close(process: asyncio.subprocess.Process) -> None:
    """Kill what is left of the group, and wait until the pipes are closed."""
    if process.returncode is None:
        _signal_group(process, signal.SIGKILL)
    if process.stdin:
        process.stdin.close()
    await process.wait()
    for stream in (process.stdout, process.stderr):
        if stream:
            while await stream.read(_CHUNK_BYTES):
                pass


def _signal_group(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _command(arguments: Sequence[str]) -> str:
    return next((word for word in arguments if not word.startswith("-")), "")
