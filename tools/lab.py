"""The lab: the real components that integration tests start, and where each comes from.

As root on Debian the missing packages are installed, without starting their services; elsewhere
the table says what is missing and how to get it. With ``CI`` in the environment a missing part ends
the run with status 1; otherwise the tests that need it say so themselves. What a Kubernetes cluster
with Argo CD needs and Debian does not have is built from Go modules by `lab_go`, once. Only the
standard library is used, because this runs before anything else.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lab_go import GO_PARTS, build_missing, find_asset, find_built, find_go_part
from lab_toolchain import LabError, go_advice

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Debian keeps servers where the PATH of an ordinary user does not look.
SERVER_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")
POLICY_FILE = Path("/usr/sbin/policy-rc.d")
POLICY_DENY = "#!/bin/sh\n# argocd-image-updater lab: packages must not start services\nexit 101\n"
APT_TIMEOUT_S = 900


@dataclass(frozen=True, slots=True)
class Part:
    """One component: the program that proves it is there, its package, and what it is for.

    No package: it is built here from its Go module, `elsewhere` says with what.
    """

    name: str
    program: str
    package: str
    purpose: str
    elsewhere: str


_BUILT = f"`make lab` builds it. {go_advice()}"
PARTS = (
    Part("git", "git", "git", "repositories", "https://git-scm.com/downloads"),
    Part(
        "git-http-backend",
        "git-http-backend",
        "git",
        "Git over HTTPS",
        "part of git (the folder that `git --exec-path` prints)",
    ),
    Part(
        "docker-registry",
        "docker-registry",
        "docker-registry",
        "the OCI registry",
        "build CNCF Distribution 2.8 and put `registry` on PATH as docker-registry",
    ),
    Part("nginx", "nginx", "nginx", "TLS front of Git", "brew install nginx"),
    Part("fcgiwrap", "fcgiwrap", "fcgiwrap", "runs git-http-backend", "brew install fcgiwrap"),
    Part("skopeo", "skopeo", "skopeo", "copies images", "brew install skopeo"),
    Part("faketime", "faketime", "faketime", "a clock that jumps", "brew install libfaketime"),
    Part("curl", "curl", "curl", "asks registries by hand", "brew install curl"),
    Part("prometheus", "prometheus", "prometheus", "scrapes metrics", "brew install prometheus"),
    Part("ssh", "ssh", "openssh-client", "Git over SSH", "part of OpenSSH"),
    Part("sshd", "sshd", "openssh-server", "Git over SSH", "part of OpenSSH"),
    Part("gpg", "gpg", "gnupg", "checks of the image", "brew install gnupg"),
    Part("openssl", "openssl", "openssl", "time stamps", "brew install openssl"),
    Part("tini", "tini", "tini", "init of the image", "brew install tini"),
    Part("gcc", "gcc", "build-essential", "compiles Gitea's SQLite", "the C compiler"),
    Part("etcd", "etcd", "etcd-server", "store of the cluster", "brew install etcd"),
    Part("redis-server", "redis-server", "redis-server", "Argo CD's cache", "brew install redis"),
    Part("kube-apiserver", "kube-apiserver", "", "the Kubernetes API", _BUILT),
    Part("kubectl", "kubectl", "", "applies manifests", _BUILT),
    Part("kube-controller-manager", "kube-controller-manager", "", "makes Pods", _BUILT),
    Part("argocd", "argocd", "", "Argo CD's controllers", _BUILT),
    Part("kustomize", "kustomize", "", "renders for Argo CD", _BUILT),
    Part("helm", "helm", "", "renders for Argo CD", _BUILT),
    Part("referrers-registry", "referrers-registry", "", "lists referrers", _BUILT),
    Part("gitea", "gitea", "", "a forge", _BUILT),
)


def find_program(name: str) -> str | None:
    """Return the path of a part's program, or None."""
    if find_go_part(name):  # one of another version on PATH would not do
        return find_built(name)
    if found := find_asset(name):
        return found
    folders = [*os.environ.get("PATH", "").split(os.pathsep), *SERVER_FOLDERS]
    if name == "git-http-backend" and (exec_path := _git_exec_path()):
        folders.insert(0, exec_path)
    return shutil.which(name, path=os.pathsep.join(folders))


def _git_exec_path() -> str:
    if not shutil.which("git"):
        return ""
    answer = subprocess.run(["git", "--exec-path"], capture_output=True, text=True, check=False)
    return answer.stdout.strip()


def find_part(name: str) -> Part:
    """Return the part of that name."""
    return next(part for part in PARTS if part.name == name)


def missing_parts(parts: Iterable[Part]) -> list[Part]:
    """Return the parts whose program cannot be found."""
    return [part for part in parts if find_program(part.program) is None]


def advice(part: Part) -> str:
    """Say how to get a part: on Debian by its package, elsewhere in words."""
    if not part.package:
        return part.elsewhere
    return f"Debian: apt-get install {part.package}; elsewhere: {part.elsewhere}"


def can_install() -> bool:
    """Whether this process may install Debian packages."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


@contextlib.contextmanager
def services_stay_down() -> Iterator[None]:
    """Keep Debian from starting the services of the packages that are installed inside."""
    if POLICY_FILE.exists():
        yield
        return
    POLICY_FILE.write_text(POLICY_DENY)
    POLICY_FILE.chmod(0o755)
    try:
        yield
    finally:
        POLICY_FILE.unlink(missing_ok=True)


def install(packages: Iterable[str]) -> bool:
    """Install Debian packages without questions; return whether apt-get was content."""
    wanted = sorted(set(packages))
    print(f"lab: installing {' '.join(wanted)}", flush=True)
    command = ["apt-get", "-o", "DPkg::Lock::Timeout=300", "-qq"]
    with services_stay_down():
        return _apt([*command, "update"]) and _apt(
            [*command, "install", "-y", "--no-install-recommends", *wanted]
        )


def _apt(command: list[str]) -> bool:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            timeout=APT_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        print(f"lab: {' '.join(command)}: no end after {APT_TIMEOUT_S} s", file=sys.stderr)
        return False
    return done.returncode == 0


def print_table(parts: Iterable[Part]) -> None:
    """Print every part with the place where it was found, or how to get it."""
    for part in parts:
        found = find_program(part.program)
        state = found or f"missing - {advice(part)}"
        print(f"  {part.name:<24} {part.purpose:<22} {state}")


def get(parts: Iterable[Part]) -> bool:
    """Install and build what is missing where that is possible; return whether all went well."""
    missing = missing_parts(parts)
    packages = [part.package for part in missing if part.package]
    installed = not packages or not can_install() or install(packages)
    names = {part.name for part in missing}
    try:
        build_missing([part for part in GO_PARTS if part.name in names])
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return False
    return installed


def main() -> int:
    """Get what is missing, and report."""
    get(PARTS)
    print_table(PARTS)
    missing = missing_parts(PARTS)
    if missing:
        print("lab: the tests that need a missing part say so", file=sys.stderr)
    return 1 if missing and os.environ.get("CI") else 0


if __name__ == "__main__":
    sys.exit(main())
