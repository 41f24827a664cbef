"""Read the vector data files and say which have a runner."""

import json
import os
import re
from pathlib import Path

HERE = Path(__file__).parent


def data_dir() -> Path:
    return Path(os.environ.get("VECTORS_DIR") or HERE / "data")


def data_files() -> list[str]:
    return sorted(path.stem for path in data_dir().glob("*.json"))


def runners() -> set[str]:
    """Stems named by a ``VECTORS = "…"`` line of a runner module."""
    found = set()
    for module in HERE.glob("test_*.py"):
        found.update(re.findall(r'^VECTORS = "(\w+)"', module.read_text(), re.MULTILINE))
    return found


def load_cases(stem: str) -> list[tuple[str, dict]]:
    """Return (id, case) of every case of ``stem``.json; none where the folder lacks the file."""
    path = data_dir() / f"{stem}.json"
    if not path.is_file():
        return []
    cases = json.loads(path.read_text())["cases"]
    return [(str(case.get("id", index)), case) for index, case in enumerate(cases)]
