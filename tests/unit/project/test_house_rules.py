"""The checker of house rules finds each kind of fault, and nothing in good code."""

import ast

import pytest

from check_house import SourceFile, find_faults


def faults(text, *, path="src/module.py"):
    tree = ast.parse(text) if path.endswith(".py") else None
    return find_faults(SourceFile(path, text, tree))


GOOD = '''"""A module."""

def read(path):
    """Return the text."""
    try:
        return open(path).read()  # noqa: SIM115 - closed by the caller
    except OSError:
        return ""
'''


def test_good_code_has_no_fault():
    assert faults(GOOD) == []


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("def long():\n" + "    x = 1\n" * 61, "long has 62 lines"),
        ("x = 1\n" * 601, "601 lines in one module"),
        ("# " + "TO" + "DO: later\n", "unfinished work"),
        ("raise NotImplemented" + "Error\n", "unwritten code"),
        ("import pytest\n@pytest.mark." + "skip\ndef test_x(): ...\n", "does not run"),
        ("try:\n    x = 1\nexcept:\n    x = 2\n", "bare except"),
        ("try:\n    x = 1\nexcept Exception:\n    pass\n", "caught and dropped"),
        ("try:\n    x = 1\nexcept (OSError, Exception):\n    pass\n", "caught and dropped"),
        ("import x  # no" + "qa\n", "lint exception"),
        ("import x  # no" + "qa: F401\n", "lint exception"),
        ("import x  # type: " + "ignore\n", "type exception"),
        ("import x  # type: " + "ignore[attr-defined]\n", "type exception"),
        ("PATH = '/ho" + "me/me/project'\n", "one particular machine"),
    ],
)
def test_each_kind_of_fault_is_found(text, what):
    assert any(what in fault for fault in faults(text)), faults(text)


def test_a_fault_names_file_and_line():
    assert faults("x = 1\ntry:\n    x = 2\nexcept:\n    x = 3\n") == [
        "src/module.py:4: bare except"
    ]


def test_the_docstring_does_not_count_as_length():
    text = 'def f():\n    """' + "word\n" * 80 + '    """\n    return 1\n'
    assert faults(text) == []


def test_exceptions_with_a_reason_pass():
    assert faults("import x  # noqa: F401, E402 - plugins register themselves\n") == []
    assert faults("x = y()  # type: ignore[no-any-return]  # the stub is wrong\n") == []


def test_tests_may_be_long_but_not_unfinished():
    assert faults("x = 1\n" * 700, path="tests/test_x.py") == []


def test_a_file_that_the_architecture_names_must_exist():
    text = "First `core/errors_that_never_were.py`, then `errors.py` and `pyproject.toml`."
    assert faults(text, path="ARCHITECTURE.md") == [
        "ARCHITECTURE.md:1: names core/errors_that_never_were.py, which does not exist"
    ]
