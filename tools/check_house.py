"""House rules that no linter knows; part of ``make check``.

Each rule is a function from one file to its faults, listed in ``RULES``. Faults are printed as
``file:line: what is wrong``; any fault ends the run with status 1.

1. A function has at most 60 lines without its docstring, a module at most 600.
2. No marker of unfinished work, no skipped test.
3. No error is caught and dropped unseen: no bare ``except``, no broad one that only passes.
4. A lint or type exception says why.
5. No path of somebody's machine.
6. Every file that ARCHITECTURE.md names exists.
"""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
import tokenize
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

ROOT = Path(__file__).resolve().parent.parent
MAX_FUNCTION_LINES = 60
MAX_MODULE_LINES = 600
TEXT_SUFFIXES = {".py", ".md", ".yaml", ".yml", ".toml", ".sh", ".cfg", ""}
# Facts that tests read: not written by hand, not ours to judge.
DATA_FOLDERS = ("tests/vectors/data/", "tests/golden/")
# The words are put together here, so that this file does not break its own rules.
UNFINISHED = re.compile(
    r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "X" * 3, "HA" + "CK")) + r")\b"
)
UNWRITTEN = "NotImplemented" + "Error"
SKIPPED = re.compile(r"pytest\.mark\.(" + "sk" + "ip|x" + "fail" + r")\b")
MACHINE_PATH = re.compile(
    "/(" + "wo" + "rk/(main|shared|in)|fa" + r"rm/\w|(home|Users)/(?!git\b)\w+/|ro" + r"ot/\.)"
)
BARE_NOQA = re.compile(r"#\s*noqa(?!:\s*[A-Z]+[0-9]+(,\s*[A-Z]+[0-9]+)*\s+-\s*\S)")
BARE_IGNORE = re.compile(r"#\s*type:\s*ignore(?!\[[\w, -]+\]\s*(#|-)\s*\S)")
NAMED_FILE = re.compile(r"`([\w./-]+\.(?:py|md|toml|sh|json|yml|yaml))`")
BROAD = {"Exception", "BaseException"}


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of the project: its path relative to the root, text, and tree if it is Python."""

    path: str
    text: str
    tree: ast.Module | None = None

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @property
    def is_test(self) -> bool:
        return self.path.startswith("tests/")


Fault = tuple[int, str]


def check_function_length(file: SourceFile) -> Iterator[Fault]:
    """Rule 1, functions: the docstring does not count."""
    for node in ast.walk(file.tree) if file.tree else ():
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        length = (node.end_lineno or node.lineno) - node.lineno + 1 - _docstring_lines(node)
        if length > MAX_FUNCTION_LINES:
            yield node.lineno, f"{node.name} has {length} lines, at most {MAX_FUNCTION_LINES}"


def _docstring_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    if ast.get_docstring(node, clean=False) is None:
        return 0
    first = node.body[0]
    return (first.end_lineno or first.lineno) - first.lineno + 1


def check_module_length(file: SourceFile) -> Iterator[Fault]:
    """Rule 1, modules: tests may be longer."""
    if file.tree and not file.is_test and len(file.lines) > MAX_MODULE_LINES:
        yield 1, f"{len(file.lines)} lines in one module, at most {MAX_MODULE_LINES}"


def check_unfinished(file: SourceFile) -> Iterator[Fault]:
    """Rule 2."""
    for number, line in enumerate(file.lines, 1):
        if UNFINISHED.search(line):
            yield number, "unfinished work"
        if file.tree and UNWRITTEN in line:
            yield number, "unwritten code"
        if file.tree and SKIPPED.search(line):
            yield number, "a test that does not run; the lab marker is the only way to need a part"


def check_dropped_errors(file: SourceFile) -> Iterator[Fault]:
    """Rule 3."""
    for node in ast.walk(file.tree) if file.tree else ():
        if not isinstance(node, ast.ExceptHandler):
            continue
        if node.type is None:
            yield node.lineno, "bare except"
        elif _is_broad(node.type) and all(isinstance(step, ast.Pass) for step in node.body):
            yield node.lineno, "every error is caught and dropped"


def _is_broad(kind: ast.expr) -> bool:
    names = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return any(isinstance(name, ast.Name) and name.id in BROAD for name in names)


def check_exceptions_have_reasons(file: SourceFile) -> Iterator[Fault]:
    """Rule 4: ``# noqa: CODE - reason`` and ``# type: ignore[code]  # reason``."""
    if not file.tree or file.is_test:
        return
    for token in tokenize.generate_tokens(io.StringIO(file.text).readline):
        if token.type != tokenize.COMMENT:
            continue
        if BARE_NOQA.search(token.string):
            yield token.start[0], "a lint exception needs its code and ` - reason`"
        if BARE_IGNORE.search(token.string):
            yield token.start[0], "a type exception needs its code and a reason"


def check_machine_paths(file: SourceFile) -> Iterator[Fault]:
    """Rule 5."""
    for number, line in enumerate(file.lines, 1):
        if MACHINE_PATH.search(line):
            yield number, "a path of one particular machine"


def check_architecture(file: SourceFile) -> Iterator[Fault]:
    """Rule 6: names in back quotes are paths from the root or below the package."""
    if file.path != "ARCHITECTURE.md":
        return
    package = ROOT / "src" / "argocd_image_updater"
    for number, line in enumerate(file.lines, 1):
        for name in NAMED_FILE.findall(line):
            if not (ROOT / name).is_file() and not (package / name).is_file():
                yield number, f"names {name}, which does not exist"


RULES: Sequence[Callable[[SourceFile], Iterator[Fault]]] = (
    check_function_length,
    check_module_length,
    check_unfinished,
    check_dropped_errors,
    check_exceptions_have_reasons,
    check_machine_paths,
    check_architecture,
)


def read_file(path: str) -> SourceFile | None:
    """Read one file; None where it is not text of ours or no longer exists."""
    full = ROOT / path
    if full.suffix not in TEXT_SUFFIXES or path.startswith(DATA_FOLDERS) or not full.is_file():
        return None
    try:
        text = full.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None
    return SourceFile(path, text, ast.parse(text, path) if full.suffix == ".py" else None)


def list_paths() -> list[str]:
    """Return the paths of the project's files: those git knows or would take."""
    answer = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return sorted(set(filter(None, answer.stdout.split("\0"))))


def find_faults(file: SourceFile) -> list[str]:
    """Return every fault of one file as a line of text."""
    return [f"{file.path}:{line}: {what}" for rule in RULES for line, what in rule(file)]


def main() -> int:
    """Check every file of the project."""
    files = [file for path in list_paths() if (file := read_file(path))]
    faults = [fault for file in files for fault in find_faults(file)]
    print("\n".join(faults) or f"house rules: {len(files)} files are in order")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
