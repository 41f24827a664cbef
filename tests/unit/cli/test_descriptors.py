"""The limit of open files, in a process of its own because it cannot be lowered and raised."""

import subprocess
import sys

SCRIPT = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
from argocd_image_updater.cli.descriptors import make_room_for_files
make_room_for_files()
print(*resource.getrlimit(resource.RLIMIT_NOFILE))
"""


def limits_after(soft, hard):
    script = SCRIPT.format(soft=soft, hard=hard)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_a_low_limit_is_raised_as_far_as_is_allowed():
    assert limits_after(128, 700) == ["700", "700"]


def test_what_is_enough_already_stays():
    assert limits_after(700, 700) == ["700", "700"]
