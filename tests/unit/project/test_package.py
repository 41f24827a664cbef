"""The wheel carries what users need, and the installed command works without the checkout."""

import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from argocd_image_updater import __version__

ROOT = Path(__file__).parents[3]
UV = Path(sys.executable).parent / "uv"


def run(*command, **options):
    return subprocess.run(command, check=True, capture_output=True, text=True, **options).stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    out = tmp_path_factory.mktemp("dist")
    options = ("--quiet", "--wheel", "--offline", "--no-build-isolation")
    run(UV, "build", *options, "--python", sys.executable, "--out-dir", out, ROOT)
    (wheel,) = out.glob("*.whl")
    return wheel


def test_the_wheel_carries_the_marker_of_types_and_the_licence(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert "argocd_image_updater/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_wheel_holds_every_module_and_nothing_else(wheel):
    package = ROOT / "src"
    modules = {path.relative_to(package).as_posix() for path in package.rglob("*.py")}
    names = {name for name in zipfile.ZipFile(wheel).namelist() if name.endswith(".py")}
    assert names == modules


def test_the_command_of_an_installed_wheel_works(wheel, tmp_path):
    venv.create(tmp_path / "venv", with_pip=False)
    python = tmp_path / "venv" / "bin" / "python"
    run(UV, "pip", "install", "--quiet", "--offline", "--no-deps", "--python", python, wheel)
    # The dependencies are those of this environment: what is tested is our own package.
    site = next((tmp_path / "venv" / "lib").glob("python*")) / "site-packages"
    (site / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    command = tmp_path / "venv" / "bin" / "argocd-image-updater"
    output = run(command, "version", cwd=tmp_path)
    assert __version__ in output
