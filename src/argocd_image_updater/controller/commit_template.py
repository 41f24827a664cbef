"""Read the file with the commit message template.

A file that is not there, and an empty one, mean the built-in template; everything else that is
wrong with it is an error. docs/write-back.md.
"""

from __future__ import annotations

from pathlib import Path

from argocd_image_updater.core.template_engine import parse_template
from argocd_image_updater.errors import ConfigError

TEMPLATE_LIMIT_BYTES = 1024 * 1024  # a commit message template is a page, not a book
_NAME = "commit message template"


def read_commit_template(path: str) -> str | None:
    """Return the text of the template, empty = the built-in one; None where there is no file.

    Raises:
        ConfigError: the file exists and cannot be used.
    """
    if not path:
        return ""
    try:
        with Path(path).open("rb") as file:
            content = file.read(TEMPLATE_LIMIT_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(
            f"the {_NAME} {path} cannot be read: {error.strerror}",
            hint="correct --git-commit-message-path, or make it empty for the built-in template",
        ) from error
    if len(content) > TEMPLATE_LIMIT_BYTES:
        raise ConfigError(f"the {_NAME} {path} is larger than 1 MiB")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise ConfigError(f"the {_NAME} {path} is not UTF-8 text") from error
    if text:
        parse_template(text, f"{_NAME} {path}")
    return text
