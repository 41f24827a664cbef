"""The vector harness: every data file is run by a module of its own.

The folder of the data files is ``tests/vectors/data`` unless the environment variable
``VECTORS_DIR`` names another. A file without a runner is listed, an unreadable one is a failure.
"""

import pytest

from vectors.loading import data_files, load_cases, runners


def pytest_terminal_summary(terminalreporter):
    without = sorted(set(data_files()) - runners())
    if without:
        terminalreporter.write_line(f"vector files without a runner: {', '.join(without)}")


def pytest_generate_tests(metafunc):
    """Parametrise a test that takes ``case`` by its module's ``VECTORS`` (the file's stem)."""
    if "case" not in metafunc.fixturenames:
        return
    stem = metafunc.module.VECTORS
    cases = load_cases(stem)
    metafunc.parametrize("case", [pytest.param(case, id=name) for name, case in cases])
