"""Run the command as a whole process and report what the operating system says of it.

Figures of one machine mean little alone: a report prints the limits beside them, counts requests at
the servers, and repeats runs so that their spread is seen.
"""

import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tools")]
COMMAND = str(Path(sys.executable).parent / "argocd-image-updater")


@dataclass(frozen=True)
class Run:
    """One finished process: wall and CPU seconds, peak memory in MiB."""

    wall_s: float
    cpu_s: float
    peak_mib: float
    exit_code: int
    output: str


def run(*words, expect=0):
    """Run the command to its end; children (git) count in CPU, the largest process in memory."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [COMMAND, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=_environment(),
    )
    output = process.stdout.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall_s = time.perf_counter() - started
    found = Run(
        wall_s,
        usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss / 1024,
        process.returncode,
        output,
    )
    assert found.exit_code == expect, f"exit {found.exit_code}\n{output[-4000:]}"
    return found


def _environment():
    """Return the environment of an installed command: its modules are compiled once, not anew."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return {**kept, "NO_COLOR": "1"}


def row(name, runs, *, limit_s=None, limit_mib=None, counts=""):
    """Print one line of the report: medians, the spread of the wall time, the limits."""
    walls = sorted(item.wall_s for item in runs)
    cpu = statistics.median(item.cpu_s for item in runs)
    peak = max(item.peak_mib for item in runs)
    wall = statistics.median(walls)
    missed = (limit_s and wall > limit_s) or (limit_mib and peak > limit_mib)
    limits = f"(limit {limit_s} s" if limit_s else ""
    limits += f", {limit_mib} MiB)" if limit_mib else ")" if limits else ""
    print(
        f"{name:<34} {wall:6.2f} s [{walls[0]:.2f} … {walls[-1]:.2f}]  {cpu:6.2f} s CPU"
        f"  {peak:6.1f} MiB  {limits} {'MISSED' if missed else ''} {counts}".rstrip(),
        flush=True,
    )
    return not missed
