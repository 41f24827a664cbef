"""What a command costs before it does anything: heavy imports happen where they are used."""

import subprocess
import sys

import pytest

HEAVY = ("aiohttp", "yaml", "rich", "msgspec", "re2", "gotpl", "asyncio", "sqlite3", "difflib")
PROBE = """
import sys
from argocd_image_updater.cli.main import main
code = main(sys.argv[1:], environ={})
heavy = [name for name in %r if name in sys.modules]
sys.exit(f"imported: {heavy}" if heavy else code)
"""


@pytest.mark.parametrize(
    "words",
    [
        ["version"],
        ["--help"],
        ["run", "--help"],
        ["test", "--help"],
        ["doctor", "--help"],
        ["validate", "--help"],
        ["completion", "bash"],
        ["help", "plan"],
    ],
    ids=" ".join,
)
def test_a_command_that_needs_no_engine_imports_none(words):
    done = subprocess.run(
        [sys.executable, "-c", PROBE % (HEAVY,), *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
