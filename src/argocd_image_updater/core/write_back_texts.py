"""The small languages of the write-back settings: method, target, branch, labels.

Each text is read once into a value; a text that cannot be read is a ConfigError that says what
would be right.

Source of the rules: docs/write-back.md, tests/vectors/data/write_back_target.json and
branch_spec.json.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from argocd_image_updater.core.paths import base_name, join
from argocd_image_updater.core.whitespace import trim
from argocd_image_updater.errors import ConfigError, shorten

if TYPE_CHECKING:
    from collections.abc import Iterable

KUSTOMIZATION = "kustomization"
HELM_VALUES = "helmvalues"
APPLICATION = "application"
APPLICATION_SET = "applicationset"
# Words of ours: only with a colon behind them, so that plain paths keep their meaning.
MANIFEST = "manifest"
OBJECT_WORDS = (APPLICATION, APPLICATION_SET, MANIFEST)
KUSTOMIZATION_FILES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
DEFAULT_VALUES_FILE = "values.yaml"
REPOSITORY_CREDENTIALS = "repocreds"


@dataclass(frozen=True, slots=True)
class Method:
    """``argocd`` or ``git`` and, for git, where the credentials come from."""

    name: str
    credentials: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """A configured write-back target.

    word: ``kustomization``, ``helmvalues``, a word of ours, or empty for a plain path. path: as
    written behind the word, without the slash of a rooted one. is_rooted: counted from the
    repository root. name: of an object in the file.
    """

    word: str
    path: str
    is_rooted: bool
    name: str = ""

    def raw_path(self, base: str) -> str:
        """Return the path in the repository before it is checked and cleaned."""
        return self.path if self.is_rooted else join(base, self.path)


@dataclass(frozen=True, slots=True)
class Branches:
    """The two halves of ``branch``: base, and the template of the branch to push to."""

    base: str = ""
    push: str = ""


def parse_method(text: str | None, *, namespace: str) -> Method:
    """Parse ``writeBackConfig.method``; a Secret without namespace is in `namespace`."""
    if text is None:
        return Method("argocd")
    word, colon, source = trim(text).partition(":")
    if word == "argocd" and not colon:
        return Method("argocd")
    if word != "git":
        raise ConfigError(
            f"write-back method {shorten(text, 60)!r} is none of argocd, git, git:secret:NAME"
        )
    if not colon or source == REPOSITORY_CREDENTIALS:
        return Method("git", REPOSITORY_CREDENTIALS)
    if not source.startswith("secret:"):
        raise ConfigError(
            f"write-back method {shorten(text, 60)!r} names an unknown source of credentials: "
            "use git:repocreds or git:secret:NAME"
        )
    first, slash, rest = source.removeprefix("secret:").partition("/")
    owner, name = (first, rest) if slash else (namespace, first)
    return Method("git", f"secret:{owner}/{name}")


def parse_target(text: str) -> Target | None:
    """Parse ``writeBackTarget``; blank means not set."""
    if not trim(text):
        return None
    for word in OBJECT_WORDS:
        if text.startswith(f"{word}:"):
            return _parse_object(text, word)
    for word in (KUSTOMIZATION, HELM_VALUES):
        if text.startswith(word):
            return _parse_word(text, word)
    if base_name(text) in KUSTOMIZATION_FILES:
        raise ConfigError(
            f"writeBackTarget {shorten(text, 80)!r} would overwrite a kustomization file: "
            "use kustomization or kustomization:DIRECTORY"
        )
    return Target("", text, is_rooted=True)


def _parse_word(text: str, word: str) -> Target:
    rest = text.removeprefix(word)
    if rest and not rest.startswith(":"):
        raise ConfigError(
            f"writeBackTarget {shorten(text, 80)!r} is neither {word!r} nor '{word}:PATH'; "
            "a plain path must not begin with that word"
        )
    path = rest[1:]
    is_rooted = path.startswith("/")
    path = path.removeprefix("/")
    if word == HELM_VALUES and not trim(path):
        path = DEFAULT_VALUES_FILE
    return Target(word, path, is_rooted=is_rooted)


def _parse_object(text: str, word: str) -> Target:
    path, _, name = text.removeprefix(f"{word}:").partition("#")
    path, name = trim(path), trim(name)
    if not path.strip("/"):
        raise ConfigError(
            f"writeBackTarget {shorten(text, 80)!r} names no file: write {word}:FILE or "
            f"{word}:FILE#NAME"
        )
    return Target(word, path.removeprefix("/"), is_rooted=path.startswith("/"), name=name)


def parse_branches(text: str) -> Branches:
    """Parse ``base``, ``base:push`` or ``:push``; a colon inside ``{{ }}`` does not count."""
    parts = _split_outside_braces(trim(text))
    if len(parts) > 2:  # noqa: PLR2004 - base and push branch
        raise ConfigError(
            f"branch {shorten(text, 80)!r} has more than one colon: write BASE or BASE:PUSH"
        )
    return Branches(*parts)


def _split_outside_braces(text: str) -> list[str]:
    parts, start, position = [], 0, 0
    while position < len(text):
        if text.startswith("{{", position):
            end = text.find("}}", position)
            position = len(text) if end < 0 else end + 2
        elif text[position] == ":":
            parts.append(text[start:position])
            start = position = position + 1
        else:
            position += 1
    return [*parts, text[start:]]


def clean_labels(labels: Iterable[str]) -> tuple[str, ...]:
    """Return labels trimmed, without blank and repeated ones."""
    return tuple(dict.fromkeys(text for label in labels if (text := trim(label))))


def same_repository(one: str, other: str) -> bool:
    """Whether two URLs name one repository as Argo CD compares them."""
    return _normalised(one) == _normalised(other)


def _normalised(url: str) -> str:
    text = trim(url).lower().removeprefix("ssh://").removesuffix(".git")
    if "://" not in text and "@" in text:
        host, colon, path = text.partition(":")
        text = f"{host}/{path}" if colon else text
    return text
