"""``template``: a commit message template, rendered for an example, before it is put to use.

Source of the rules: docs/write-back.md.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from argocd_image_updater.cli import exit_codes
from argocd_image_updater.cli.console import open_console
from argocd_image_updater.controller.commit_template import read_commit_template
from argocd_image_updater.core.decisions import Change
from argocd_image_updater.core.reference import ImageTag, parse_image
from argocd_image_updater.core.template_engine import TemplateFault
from argocd_image_updater.core.templates import commit_message, fallback_commit_message
from argocd_image_updater.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

_LOG = logging.getLogger(__name__)

EXAMPLE_APPLICATION = "example-app"
_OLD_DIGEST = "sha256:01d09d19c2139a46aebfb577780d123d7396e97201bc7ead210a2ebff8239dee"
_NEW_DIGEST = "sha256:7aa7a5359173d05b63cfd682e3c38487f3cb4f7f1d60659fe59fab1505977d4c"


@dataclass(frozen=True, slots=True)
class _LogWishes:
    log_level: str = "info"
    log_format: str = "text"
    warnings: tuple[str, ...] = ()


def template(path: str | None, environ: Mapping[str, str]) -> int:
    """Run the command and return its exit code. path: None = the built-in template.

    Raises:
        ConfigError: the file cannot be used.
    """
    console = open_console(_LogWishes(), environ)
    console.write(render_example(_read(path)) + "\n")
    return exit_codes.OK


def render_example(text: str) -> str:
    """Return the message for the example; one that fails while it runs gives the fallback."""
    try:
        return commit_message(EXAMPLE_APPLICATION, EXAMPLE_CHANGES, template=text)
    except TemplateFault as error:
        _LOG.error("%s", error)
        return fallback_commit_message(EXAMPLE_APPLICATION)


def _read(path: str | None) -> str:
    if path is None:
        return ""
    text = read_commit_template(path) if path else None
    if text is None:
        raise ConfigError(
            f"there is no file {path!r}", hint="without a path, the built-in template is shown"
        )
    return text


def _change(image: str, *, old: ImageTag, new: ImageTag) -> Change:
    reference = parse_image(image)
    return Change("", reference.full_name, reference.name, old, new)


EXAMPLE_CHANGES = (
    _change("gcr.io/example/example", old=ImageTag("1.0.0"), new=ImageTag("1.0.1")),
    _change(
        "gcr.io/example/updater",
        old=ImageTag(digest=_OLD_DIGEST),
        new=ImageTag(digest=_NEW_DIGEST),
    ),
)
