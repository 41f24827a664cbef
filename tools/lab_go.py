"""The parts of the lab that nobody packages: programs built from Go modules, once per version.

A finished part is a folder ``<name>-<version>`` of the cache, ``$ARGOCD_IMAGE_UPDATER_LAB`` or
``argocd-image-updater-lab`` in the user's cache folder. It appears by a rename, so that a folder
that is there is whole; a lock keeps two runs from building the same. ``$KUBEBUILDER_ASSETS``, a
folder with ``kube-apiserver`` and ``etcd``, goes before the cache, as for envtest. Modules come
through Go's own client, which checks their sums. Only the standard library is used.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab_lanes import build_all
from lab_toolchain import LabError, find_go, install_go, run

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CACHE_VARIABLE = "ARGOCD_IMAGE_UPDATER_LAB"
ASSETS_VARIABLE = "KUBEBUILDER_ASSETS"

KUBERNETES = "k8s.io/kubernetes"
KUBERNETES_VERSION = "v1.34.4"
KUBERNETES_STAGING_VERSION = "v0.34.4"
ARGOCD = "github.com/argoproj/argo-cd/v3"
ARGOCD_VERSION = "v3.2.6"  # v3.2.12 does not compile from its published module
GITEA = "code.gitea.io/gitea"
GITEA_VERSION = "v1.26.0"


@dataclass(frozen=True, slots=True)
class GoPart:
    """One program: the package of a module, and what the linker and the cache add to it."""

    name: str
    module: str
    version: str
    package: str
    # Version of the modules that the module's own go.mod takes from folders beside it.
    staging_version: str = ""
    # Variables that the project's release build sets, because clients ask a server its version.
    stamps: tuple[str, ...] = ()
    # Folders of the module that tests or the program read, copied beside it by their last names.
    folders: tuple[str, ...] = ()
    tags: str = ""
    # The C compiler that it needs; where there is none Go would leave out what is in C.
    compiler: str = ""
    # The program itself, where the module is a library only.
    source: str = ""


def _kubernetes_part(name: str) -> GoPart:
    version = "k8s.io/component-base/version"
    major, minor, _ = KUBERNETES_VERSION.removeprefix("v").split(".")
    return GoPart(
        name=name,
        module=KUBERNETES,
        version=KUBERNETES_VERSION,
        package=f"cmd/{name}",
        staging_version=KUBERNETES_STAGING_VERSION,
        stamps=(
            f"{version}.gitVersion={KUBERNETES_VERSION}",
            f"{version}.gitMajor={major}",
            f"{version}.gitMinor={minor}",
            f"{version}.gitTreeState=clean",
        ),
    )


# A registry in memory with the referrers API, which CNCF Distribution 2.8 has not.
REFERRERS_REGISTRY = """\
package main

import (
	"log"
	"net/http"
	"os"

	"github.com/google/go-containerregistry/pkg/registry"
)

func main() {
	log.Fatal(http.ListenAndServe(os.Args[1], registry.New(registry.WithReferrersSupport(true))))
}
"""

GO_PARTS = (
    _kubernetes_part("kube-apiserver"),
    _kubernetes_part("kubectl"),
    _kubernetes_part("kube-controller-manager"),
    GoPart(
        name="argocd",
        module=ARGOCD,
        version=ARGOCD_VERSION,
        package="cmd",
        stamps=(f"{ARGOCD}/common.version={ARGOCD_VERSION.removeprefix('v')}",),
        folders=("manifests/crds",),
    ),
    GoPart(
        name="kustomize",
        module="sigs.k8s.io/kustomize/kustomize/v5",
        version="v5.5.0",
        package="",
        stamps=("sigs.k8s.io/kustomize/api/provenance.version=v5.5.0",),
    ),
    GoPart(
        name="helm",
        module="helm.sh/helm/v3",
        version="v3.18.4",
        package="cmd/helm",
        stamps=("helm.sh/helm/v3/internal/version.version=v3.18.4",),
    ),
    GoPart(
        name="referrers-registry",
        module="github.com/google/go-containerregistry",
        version="v0.21.2",
        package="",
        source=REFERRERS_REGISTRY,
    ),
    GoPart(
        name="gitea",
        module=GITEA,
        version=GITEA_VERSION,
        package="",
        stamps=(f"main.Version={GITEA_VERSION.removeprefix('v')}",),
        folders=("options", "templates", "public"),
        tags="sqlite,sqlite_unlock_notify",
        compiler="gcc",
    ),
)


def cache_folder() -> Path:
    """Return where finished parts are kept; outside every checkout, so that all share them."""
    if named := os.environ.get(CACHE_VARIABLE):
        return Path(named).expanduser().resolve()
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "argocd-image-updater-lab"


def part_folder(part: GoPart) -> Path:
    """Return the folder of one part in the cache."""
    return cache_folder() / f"{part.name}-{part.version}"


def find_go_part(name: str) -> GoPart | None:
    """Return the part of that name, or None where the name is not of a part built here."""
    return next((part for part in GO_PARTS if part.name == name), None)


def find_asset(name: str) -> str | None:
    """Return the program of that name in ``$KUBEBUILDER_ASSETS``, or None."""
    folder = os.environ.get(ASSETS_VARIABLE)
    return shutil.which(name, path=folder) if folder else None


def find_built(name: str) -> str | None:
    """Return the path of a program that was built here or stands in the assets, or None."""
    part = find_go_part(name)
    if part is None:
        return None
    return find_asset(name) or shutil.which(name, path=str(part_folder(part)))


def build_missing(parts: Iterable[GoPart] = GO_PARTS) -> list[GoPart]:
    """Build the parts that are not there; return those that were built."""
    if all(find_built(part.name) for part in parts):
        return []
    with _locked(cache_folder()):
        # Perhaps the run that held the lock before us has built them.
        missing = [part for part in parts if find_built(part.name) is None]
        if missing:
            go = find_go(cache_folder()) or install_go(cache_folder())
            build_all(missing, lambda part: build(part, go))
    return missing


def build(part: GoPart, go: str) -> Path:
    """Build one part into the cache and return its folder; the caller holds the lock."""
    if part.compiler and shutil.which(part.compiler) is None:
        raise LabError(f"{part.name} cannot be built without {part.compiler}")
    workshop = cache_folder() / "modules" / f"{part.module.replace('/', '_')}-{part.version}"
    module = fetch(part, go, workshop=workshop)
    target = part_folder(part)
    with tempfile.TemporaryDirectory(prefix=f".{part.name}-", dir=cache_folder()) as temporary:
        finished = Path(temporary) / part.name
        finished.mkdir()
        run(build_command(part, go, finished / part.name), folder=workshop)
        for folder in part.folders:
            _copy_files(Path(module["Dir"]) / folder, finished)
        shutil.rmtree(target, ignore_errors=True)  # a folder without its program is of no use
        finished.rename(target)
    return target


def fetch(part: GoPart, go: str, *, workshop: Path) -> dict[str, Any]:
    """Have Go fetch the module and what it needs into `workshop`; return where its files are."""
    workshop.mkdir(parents=True, exist_ok=True)
    download = [go, "mod", "download", "-json", f"{part.module}@{part.version}"]
    try:
        module: dict[str, Any] = json.loads(run(download, folder=cache_folder()))
        (workshop / "go.mod").write_text(tools_module(part, _go_mod(module["GoMod"], go)))
        if part.source:
            (workshop / "main.go").write_text(part.source)
        run([go, "list", "-mod=mod", "-deps", *_tags(part), _package(part)], folder=workshop)
    except LabError as error:
        raise LabError(
            f"{part.name} {part.version} cannot be built, because its Go modules cannot be "
            f"fetched; GOPROXY names where from: {error}"
        ) from error
    return module


def _copy_files(source: Path, into: Path) -> None:
    """Copy a folder without its rights: read-only as in Go's cache, it could not be removed."""
    for file in source.rglob("*"):
        if file.is_file():
            target = into / source.name / file.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)


def _package(part: GoPart) -> str:
    return "." if part.source else "/".join(filter(None, (part.module, part.package)))


def _tags(part: GoPart) -> list[str]:
    return [f"-tags={part.tags}"] if part.tags else []


def build_command(part: GoPart, go: str, output: Path) -> list[str]:
    """Return the command that builds a part from its tools module."""
    flags = " ".join(["-s", "-w", *(f"-X {stamp}" for stamp in part.stamps)])
    words = [go, "build", "-mod=mod", "-trimpath", *_tags(part), f"-ldflags={flags}"]
    return [*words, "-o", str(output), _package(part)]


def tools_module(part: GoPart, go_mod: dict[str, Any]) -> str:
    """Return a go.mod that needs the module and repeats its replaces, which Go does not inherit.

    A module that is replaced by a folder beside it is published too, at the staging version.
    """
    lines = ["module lab.invalid/tools", "", f"go {go_mod['Go']}", ""]
    lines.append(f"require {part.module} {part.version}")
    for replace in go_mod.get("Replace") or ():
        old, new = replace["Old"], replace["New"]
        if new["Path"].startswith("."):
            new = {"Path": old["Path"], "Version": part.staging_version}
        words = (old["Path"], old.get("Version", ""), "=>", new["Path"], new["Version"])
        lines.append(" ".join(["replace", *filter(None, words)]))
    return "\n".join(lines) + "\n"


def _go_mod(file: str, go: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(
        run([go, "mod", "edit", "-json", file], folder=cache_folder())
    )
    return answer


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the lock of the cache; say so when another run has it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("lab: another run is building; waiting for it", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        for leftover in folder.glob(".*-*"):  # of a run that was killed
            shutil.rmtree(leftover, ignore_errors=True)
        yield
