"""Run every ``benchmarks/bench_*.py`` in a process of its own and print its figures.

A benchmark is a script with a ``main()``. Arguments choose by name: ``bench.py strategies`` runs
the scripts whose file name contains the word. Ends with status 1 when one of them fails.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


def main(words: list[str]) -> int:
    """Run the chosen benchmarks one after the other, so that they do not disturb each other."""
    scripts = [
        script
        for script in sorted(BENCHMARKS.glob("bench_*.py"))
        if not words or any(word in script.stem for word in words)
    ]
    if not scripts:
        print(f"bench: no benchmark of that name in {BENCHMARKS.name}/", file=sys.stderr)
        return 1
    failed = []
    for script in scripts:
        print(f"== {script.stem}", flush=True)
        if subprocess.run([sys.executable, str(script)], check=False).returncode:
            failed.append(script.stem)
    if failed:
        print(f"bench: failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
