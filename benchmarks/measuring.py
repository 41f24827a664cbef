"""Run the command as a whole process and report what the operating system says of it.

Figures of one machine mean little alone: a report prints the limits beside them, counts requests at
the servers, and repeats runs so that their spread is seen. ``BASELINE=/path/to/other/command``
runs another version in turn with this one, A B A B …, and adds the ratio pair by pair, which holds
where the machine's speed drifts.
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
BASELINE = os.environ.get("BASELINE", "")
ROUNDS = int(os.environ.get("ROUNDS", "3"))


@dataclass(frozen=True)
class Run:
    """One finished process: wall and CPU seconds, peak memory in MiB, what it printed."""

    wall_s: float
    cpu_s: float
    peak_mib: float
    output: str


def run(command, *words, path=""):
    """Run a command to its end; children (git) count in CPU, the largest process in memory.

    path: where it finds other programs, empty = where this process finds them.
    """
    started = time.perf_counter()
    process = subprocess.Popen(
        [command, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**_environment(), **({"PATH": path} if path else {})},
    )
    output = process.stdout.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, f"exit {process.returncode}\n{output[-4000:]}"
    return Run(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, output)


def measure_rounds(measure):
    """Call ``measure(command)`` in rounds, after one that does not count.

    measure: returns name → Run. The result is name → (runs of this version, runs of the baseline).
    """
    commands = [COMMAND, BASELINE] if BASELINE else [COMMAND]
    results = {}
    for number in range(ROUNDS + 1):
        for index, command in enumerate(commands):
            for name, found in measure(command).items():
                pair = results.setdefault(name, ([], []))
                if number:
                    pair[index].append(found)
    return results


def row(name, pair, *, limit_s=None, limit_mib=None, counts=""):
    """Print one line of the report and say whether the limits were kept."""
    runs, baseline = pair
    walls = sorted(item.wall_s for item in runs)
    wall = statistics.median(walls)
    cpu = statistics.median(item.cpu_s for item in runs)
    peak = max(item.peak_mib for item in runs)
    missed = bool((limit_s and wall > limit_s) or (limit_mib and peak > limit_mib))
    limits = [f"{limit_s} s"] if limit_s else []
    limits += [f"{limit_mib} MiB"] if limit_mib else []
    parts = [
        f"{name:<34} {wall:6.2f} s [{walls[0]:.2f} … {walls[-1]:.2f}]",
        f"{cpu:6.2f} s CPU  {peak:6.1f} MiB",
        f"limit {', '.join(limits)}" if limits else "",
        "MISSED" if missed else "",
        counts,
    ]
    if baseline:
        ratios = [mine.cpu_s / other.cpu_s for mine, other in zip(runs, baseline, strict=True)]
        parts.append(f"CPU against the baseline {statistics.median(ratios):.2f}")
    print("  ".join(part for part in parts if part), flush=True)
    return not missed


def _environment():
    """Return the environment of an installed command: its modules are compiled once, not anew."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return {**kept, "NO_COLOR": "1"}
