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
    """Return (id, case) of every case of ``stem``.json; none where the folder lacks the file.

    A file that cannot be read has no cases here either: it fails a test of its own, and the other
    files are run all the same.
    """
    try:
        cases = read_cases(stem)
    except (OSError, ValueError, LookupError, TypeError):
        return []
    return [(name_of(case, index), case) for index, case in enumerate(cases)]


def read_cases(stem: str) -> list[dict]:
    document = json.loads((data_dir() / f"{stem}.json").read_bytes())
    cases = document["cases"]
    if not isinstance(cases, list) or not all(isinstance(case, dict) for case in cases):
        raise TypeError(f"{stem}.json: cases is not a list of objects")
    return cases


def name_of(case: dict, index: int) -> str:
    name = case.get("id") or case.get("name")
    return f"{index}-{name}" if name and isinstance(name, str) else str(index)
