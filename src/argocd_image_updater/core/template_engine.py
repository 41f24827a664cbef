"""Go ``text/template`` with its built-in functions only, for templates that others write.

A template sees the data it is given and nothing else: no method, no attribute beside the fields.
Everything is bounded before it is built: the text, steps, nesting, output, and what one function
prints, so that no template takes the process along.

Source of the rules: docs/write-back.md, https://pkg.go.dev/text/template, https://pkg.go.dev/fmt.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

from argocd_image_updater.errors import ConfigError, shorten

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gotpl import SandboxPolicy, Template

TEMPLATE_CHARACTERS = 64 * 1024
TEMPLATE_DEPTH = 50
# Go itself accepts a million; nobody pads a message that far.
WIDTH_LIMIT = 1000
_BUILT_IN = frozenset(
    {"and", "or", "not", "eq", "ne", "lt", "le", "gt", "ge", "len", "index", "slice", "call"}
    | {"print", "println", "printf", "html", "js", "urlquery"}
)
_NUMBER = re.compile(r"\d+")
_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "'": "&#39;", '"': "&#34;", "\0": "\ufffd"}
_JS = {
    "\\": "\\\\", "'": "\\'", '"': '\\"',
    "<": "\\u003C", ">": "\\u003E", "&": "\\u0026", "=": "\\u003D",
}  # fmt: skip


class TemplateFault(ConfigError):
    """A template does not parse or does not run; ``stage`` is ``parse`` or ``execute``."""

    def __init__(self, message: str, *, stage: str) -> None:
        super().__init__(message)
        self.stage = stage


@dataclass(frozen=True, slots=True)
class TemplateKind:
    """How much templates of one kind may do; the output also bounds what one function prints."""

    output_characters: int
    steps: int


COMMIT_MESSAGE = TemplateKind(output_characters=256 * 1024, steps=20_000)
# A branch is named by whoever owns an Application, and has room for 255 bytes.
BRANCH_NAME = TemplateKind(output_characters=16 * 1024, steps=5_000)


@lru_cache(maxsize=64)
def parse_template(text: str, name: str, kind: TemplateKind = COMMIT_MESSAGE) -> Template:
    """Parse a template of the owner's.

    Raises:
        TemplateFault: with line and column of the fault.
    """
    # Only an owner's own template pays for the engine.
    from gotpl import Template, TemplateError  # noqa: PLC0415 - as above

    if len(text) > TEMPLATE_CHARACTERS:
        raise TemplateFault(f"{name}: longer than {TEMPLATE_CHARACTERS} characters", stage="parse")
    try:
        return Template(text, name=name, functions=_printing(kind), sandbox=_sandbox(kind))
    except (TemplateError, RecursionError) as error:
        raise TemplateFault(f"{name}: {shorten(str(error))}", stage="parse") from error


def render_template(text: str, data: object, *, name: str, kind: TemplateKind) -> str:
    """Render a template, or raise a TemplateFault: nothing is rendered in part."""
    from gotpl import TemplateError  # noqa: PLC0415 - as above

    template = parse_template(text, name, kind)
    try:
        return template.render(data)
    except (TemplateError, RecursionError) as error:
        raise TemplateFault(f"{name}: {shorten(str(error))}", stage="execute") from error


def _sandbox(kind: TemplateKind) -> SandboxPolicy:
    from gotpl import ExecutionBudget, SandboxPolicy  # noqa: PLC0415 - as above

    return SandboxPolicy(
        allow_custom_lookup=True,  # the values know their fields; nothing else has any
        allow_functions=_BUILT_IN,
        max_template_chars=TEMPLATE_CHARACTERS,
        default_budget=ExecutionBudget(
            max_output_chars=kind.output_characters,
            max_iterations=kind.steps,
            max_template_depth=TEMPLATE_DEPTH,
            max_function_calls=kind.steps,
        ),
    )


def _printing(kind: TemplateKind) -> Mapping[str, Callable[..., object]]:
    """Return the functions that make text, bounded: those of the engine build it first."""
    most = kind.output_characters
    return {
        "print": partial(_print, most),
        "println": partial(_println, most),
        "printf": partial(_printf, most),
        "html": partial(_escaped, most, _html),
        "js": partial(_escaped, most, _js),
        "urlquery": partial(_escaped, most, quote_plus),
    }


def _print(most: int, /, *values: object) -> str:
    """Print with a blank between two values that are both no text."""
    parts: list[str] = []
    for index, value in enumerate(values):
        if index and not isinstance(value, str) and not isinstance(values[index - 1], str):
            parts.append(" ")
        parts.append(_text(value))
    return _joined(most, parts)


def _println(most: int, /, *values: object) -> str:
    parts = [part for value in values for part in (" ", _text(value))]
    return _joined(most, [*parts[1:], "\n"])


def _escaped(most: int, escape: Callable[[str], str], /, *values: object) -> str:
    return _joined(most, [escape(_print(most, *values))])


def _printf(most: int, form: str, /, *values: object) -> str:
    """Format, unless what the form asks for could be longer than may be printed."""
    from gotpl.runtime.gofmt import sprintf  # noqa: PLC0415 - as above

    stars = [value for value in values if isinstance(value, int)] if "*" in form else []
    numbers = [*(int(digits) for digits in _NUMBER.findall(form, 0, most)), *map(abs, stars)]
    if any(number > WIDTH_LIMIT for number in numbers):
        raise ValueError(f"a width above {WIDTH_LIMIT}")
    longest = max((len(_text(value)) for value in values), default=0)
    if len(form) > most or form.count("%") * longest > most:
        raise ValueError(f"it may print more than {most} characters")
    return _joined(most, [sprintf(form, *values)])


def _joined(most: int, parts: list[str]) -> str:
    if sum(map(len, parts)) > most:
        raise ValueError(f"it prints more than {most} characters")
    return "".join(parts)


def _text(value: object) -> str:
    from gotpl.runtime.gofmt import sprintf  # noqa: PLC0415 - as above

    return value if isinstance(value, str) else sprintf("%v", value)


def _html(text: str) -> str:
    return "".join(_HTML.get(character, character) for character in text)


def _js(text: str) -> str:
    return "".join(
        _JS.get(character) or (character if character.isprintable() else _unicode_escape(character))
        for character in text
    )


def _unicode_escape(character: str) -> str:
    """Return the number of a character as Go writes it: four digits, or as many as it has."""
    return f"\\u{ord(character):04X}"
