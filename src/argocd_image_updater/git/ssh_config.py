"""Read an SSH client configuration, and let ssh itself say whether it can be used.

A fault in it would end every command that reaches a repository over SSH, so it is found here.
Source: https://man.openbsd.org/ssh (``-F``, ``-G``) and https://man.openbsd.org/ssh_config.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from argocd_image_updater.errors import ConfigError, shorten

SIZE_LIMIT_BYTES = 1 << 20  # a ConfigMap holds no more
CHECK_S = 10.0
_ANY_HOST = "host.invalid"


def read_ssh_config(path: str) -> str | None:
    """Return the text of a configuration, None where there is no file; blocks on the disk.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            content = file.read(SIZE_LIMIT_BYTES + 1)
        text = content.decode()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(
            f"the SSH configuration {path} cannot be read: {error.strerror}"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"the SSH configuration {path} is not UTF-8 text") from error
    if len(content) > SIZE_LIMIT_BYTES:
        raise ConfigError(f"the SSH configuration {path} is larger than {SIZE_LIMIT_BYTES} bytes")
    return text


def check_ssh_config(path: str) -> None:
    """Let ssh read a configuration; blocks. Where there is no ssh, nothing is found.

    Raises:
        ConfigError: with the words of ssh.
    """
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command on the file of the owner
            ["ssh", "-G", "-F", path, _ANY_HOST],  # noqa: S607 - that of the system
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=CHECK_S,
            check=False,
            env={"PATH": os.defpath, "LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired):  # it may ask a name server, which proves nothing
        return
    if done.returncode != 0:
        words = shorten(done.stderr.decode("utf-8", "replace"))
        raise ConfigError(f"the SSH configuration {path} cannot be used: {words}")
