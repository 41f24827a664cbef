"""Write what is made of other files in deploy/: the one-file installation and copies in the chart.

``deploy/install.yaml`` is what kustomize makes of ``deploy/kustomize/one-file``; a chart cannot
reach outside its folder, so it has copies of the CRD and of the dashboard. ``--check`` only says
whether all are current; a test does the same. Needs the kustomize of the lab.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from lab import find_program

DEPLOY = Path(__file__).parent.parent / "deploy"
OVERLAYS = DEPLOY / "kustomize" / "overlays"
DEFAULT_OVERLAY = "namespace-install"
ONE_FILE = DEPLOY / "kustomize" / "one-file"
CHART = DEPLOY / "chart" / "argocd-image-updater"
HEAD = "# Made by tools/install.py from deploy/kustomize/one-file; do not edit.\n"
# Where a copy stands → what it is a copy of.
COPIES = {
    CHART / "files" / "imageupdaters.yaml": DEPLOY / "crd" / "imageupdaters.yaml",
    CHART / "files" / "dashboard.json": DEPLOY / "grafana" / "argocd-image-updater.json",
}


def build(folder: Path) -> str:
    """Return the manifests that kustomize makes of a folder.

    Raises:
        RuntimeError: kustomize is not here, or refuses the folder.
    """
    program = find_program("kustomize")
    if program is None:
        raise RuntimeError("kustomize is not here: make lab")
    command = [program, "build", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"kustomize build {folder}: {done.stderr.strip()}")
    return done.stdout


def made_files() -> dict[Path, str]:
    """Return every made file with the text that it should have."""
    made = {copy: source.read_text() for copy, source in COPIES.items()}
    made[DEPLOY / "install.yaml"] = HEAD + build(ONE_FILE)
    return made


def outdated() -> list[Path]:
    """Return the made files that are missing or not current."""
    return [
        file
        for file, text in made_files().items()
        if not file.is_file() or file.read_text() != text
    ]


def main() -> int:
    """Write the files, or with --check say which are not current."""
    if "--check" in sys.argv[1:]:
        for file in (old := outdated()):
            print(f"{file.relative_to(DEPLOY.parent)} is not current: run tools/install.py")
        return 1 if old else 0
    for file, text in made_files().items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
