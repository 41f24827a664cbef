"""Tests that need a real component say so with ``@pytest.mark.lab("nginx", "fcgiwrap")``.

Where one is missing the test says which and how to get it: it is passed over on a person's machine
and fails in continuous integration, where nothing may be left out silently.
"""

import os
import signal

import pytest

from lab import advice, find_part, find_program

pytest_plugins = ["clusters.fixtures", "clusters.grouping"]

# A shell ignores the signal for what it starts in the background, and whoever is started from there
# would ignore it too: tests send it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_runtest_setup(item):
    for name in (part for mark in item.iter_markers("lab") for part in mark.args):
        part = find_part(name)
        if find_program(part.program) is None:
            message = f"needs {name}, which is not here. {advice(part)}"
            if os.environ.get("CI"):
                pytest.fail(message, pytrace=False)
            pytest.skip(message)
