"""A stage for stand-alone mode: manifests, a real registry, Git over HTTPS, the program itself.

Every run logs as much as it can, and is looked through on the spot: no secret in what it prints, in
the arguments of the programs it starts, or in the state folder; every image has exactly one
decision; the counters say what the decisions say; nothing counts as updated that was not written.
"""

import json
import os
import subprocess
import sysconfig
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import yaml

from servers.git_server import file_at, log, program

RUN_LIMIT_S = 90
PROGRAM = Path(sysconfig.get_path("scripts")) / "argocd-image-updater"
RESOURCE_API = "argocd-image-updater.argoproj.io/v1alpha1"
APPLICATION_API = "argoproj.io/v1alpha1"
# One failed write of an Application is one error, however many of its images it was for.
ONCE_PER_APPLICATION = {
    "GitUnreachable", "GitAuthFailed", "GitBranchMissing", "PushRejected", "WriteFailed",
    "TargetMissing", "TargetUnreadable", "TargetOutside", "Ambiguous",
}  # fmt: skip
# Notes what git is called with. Where a file names a command, the program dies at its n-th call:
# before it, or after it has done its work.
GIT_WRAPPER = """#!/bin/sh
printf '%s\\n' "$*" >> {folder}/arguments
[ -e {folder}/death ] || exec {git} "$@"
read wanted moment number < {folder}/death
for word; do case $word in -*) ;; *) break ;; esac; done
[ "$word" = "$wanted" ] || exec {git} "$@"
echo "$word" >> {folder}/calls
[ "$(wc -l < {folder}/calls)" -eq "$number" ] || exec {git} "$@"
rm {folder}/death
[ "$moment" = before ] || {git} "$@"
kill -KILL $PPID
"""


@dataclass(frozen=True)
class Outcome:
    """How one run ended."""

    code: int
    out: str
    err: str

    @cached_property
    def report(self):
        return json.loads(self.out)

    def image(self, application, alias="web"):
        """Return the one decision of an image."""
        (found,) = (
            image
            for image in self.report["images"]
            if image["application"].rpartition("/")[2] == application and image["alias"] == alias
        )
        return found

    def reason(self, application, alias="web"):
        return self.image(application, alias)["reason"]

    @property
    def reasons(self):
        """All reasons by Application (and alias where it is not ``web``)."""
        return {
            image["application"].rpartition("/")[2]
            + ("" if image["alias"] == "web" else "." + image["alias"]): image["reason"]
            for image in self.report["images"]
        }


@dataclass
class Stage:
    """One folder with manifests and state; names in registry and Git server begin with `name`."""

    folder: Path
    name: str
    registry: object
    git: object
    api_url: str = ""
    credentials: str = ""
    git_port: int = 0
    secrets: set = field(default_factory=set)
    environment: dict = field(default_factory=dict)

    def __post_init__(self):
        self.manifests = self.folder / "manifests"
        self.state = self.folder / "state"
        self.arguments = self.folder / "arguments"
        self._programs = self.folder / "programs"
        for folder in (self.manifests, self.folder / "home", self._programs):
            folder.mkdir()
        self.git_port = self.git_port or self.git.port
        self.secrets.add(self.git.password)
        wrapper = self._programs / "git"
        wrapper.write_text(GIT_WRAPPER.format(folder=self.folder, git=program("git")))
        wrapper.chmod(0o755)
        self.write_registries(self.api_url or self.registry.url)
        self.add(*self.git_access())

    # --- what is there --------------------------------------------------------------------------

    def image(self, name="web"):
        """Return the full name of an image of this stage."""
        return f"{self.registry.host}/{self.name}/{name}"

    def push(self, *tags, image="web", **options):
        """Push one image under some tags."""
        return self.registry.push_tags(f"{self.name}/{image}", list(tags), **options)

    def repository(self, name="deploy", files=None, **options):
        """Make a repository of this stage; return its folder."""
        return self.git.repository(self.git_path(name), files, **options)

    def git_path(self, name="deploy"):
        """Return the path of a repository at the Git server, without ``.git``."""
        return f"{self.name}-{name}"

    def url(self, name="deploy"):
        return f"https://localhost:{self.git_port}/{self.git_path(name)}.git"

    def bare(self, name="deploy"):
        return self.git.root / f"{self.git_path(name)}.git"

    def file(self, path, *, repository="deploy", branch="main"):
        return file_at(self.bare(repository), path, branch).decode()

    def log(self, *, repository="deploy", branch="main", pattern="%s"):
        return log(self.bare(repository), branch, pattern)

    # --- manifests ------------------------------------------------------------------------------

    def write(self, name, text):
        """Write a file of the manifests folder; return its path."""
        path = self.manifests / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def add(self, *objects, file=None):
        """Write objects into a file of their own."""
        first = objects[0]
        name = file or f"{first['kind']}-{first['metadata']['name']}.yaml".lower()
        return self.write(name, yaml.safe_dump_all(objects, sort_keys=False))

    def write_registries(self, api_url, **extra):
        entry = {"name": "stage", "prefix": self.registry.host, "api_url": api_url, **extra}
        if self.credentials:
            entry["credentials"] = self.credentials
        self.write("registries.conf", yaml.safe_dump({"registries": [entry]}))

    def git_access(self):
        """Return the Secret and the ConfigMap that let Argo CD reach the Git server."""
        host = f"https://localhost:{self.git_port}"
        yield {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": "git-server",
                "namespace": "argocd",
                "labels": {"argocd.argoproj.io/secret-type": "repo-creds"},
            },
            "stringData": {
                "url": host, "username": self.git.username, "password": self.git.password,
            },
        }  # fmt: skip
        yield {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "argocd-tls-certs-cm", "namespace": "argocd"},
            "data": {"localhost": self.git.ca_file.read_text()},
        }

    def helm(self, *applications, image=None, target="helmvalues", **spec):
        """Follow ``web`` in a values file at the path of each Application's name."""
        for name in applications:
            self.add(application(name, source(self.url(), name)))
        self.add(
            resource(
                "updater",
                [
                    reference(name, images(web=image or f"{self.image()}:1.x"))
                    for name in applications
                ],
                **git_write_back(target),
                **spec,
            )
        )

    def values(self, *applications, tag="1.0.0", image="web"):
        """Return values files for `repository`."""
        text = f"image:\n  name: {self.image(image)}\n  tag: {tag} # of the stage\n"
        return {f"{name}/values.yaml": text.encode() for name in applications}

    # --- runs -----------------------------------------------------------------------------------

    def environ(self, **more):
        return {
            "PATH": f"{self._programs}:{os.environ['PATH']}",
            "HOME": str(self.folder / "home"),
            "LC_ALL": "C.UTF-8",
            "PYTHONWARNINGS": "default",
            **self.environment,
            **more,
        }

    def command(self, *words):
        places = ("--manifests", self.manifests, "--state-dir", self.state)
        return [str(word) for word in (PROGRAM, *words, *places)]

    def start(self, *words, **environ):
        """Start the program and return the process; its streams are files of the stage."""
        with (self.folder / "out").open("wb") as out, (self.folder / "err").open("wb") as err:
            return subprocess.Popen(
                self.command(*words),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=self.environ(**environ),
                start_new_session=True,
            )

    def die_at(self, command, moment, *, number=1):
        """Let the next run be killed ``before`` or ``after`` a call of a git command."""
        (self.folder / "calls").unlink(missing_ok=True)
        (self.folder / "death").write_text(f"{command} {moment} {number}\n")

    def finish(self, process):
        """Wait for the end of a process; return its outcome, looked through."""
        code = process.wait(RUN_LIMIT_S)
        outcome = Outcome(
            code, (self.folder / "out").read_text(), (self.folder / "err").read_text()
        )
        self.check_secrets(outcome)
        return outcome

    def run(self, *words, **environ):
        """Run once and look the report through; other commands as ``run`` are given in full."""
        words = words if words and not words[0].startswith("-") else ("run", "--once", *words)
        if "--output" not in words:
            words = (*words, "--output", "json")
        outcome = self.finish(self.start(*words, "--loglevel", "trace", **environ))
        if outcome.out.startswith("{") and '"kind": "CycleReport"' in outcome.out:
            check_report(outcome.report)
        return outcome

    def check_secrets(self, outcome):
        """Nothing that the run left behind holds a password or token."""
        places = {"standard output": outcome.out, "standard error": outcome.err}
        if self.arguments.exists():
            places["arguments of git"] = self.arguments.read_text()
        for path in self.state.glob("**/*"):
            if path.is_file() and path.suffix not in {".pack", ".idx"}:
                places[str(path)] = path.read_bytes().decode("latin-1")
        for place, text in places.items():
            for secret in self.secrets:
                assert secret not in text, f"a secret stands in {place}"
        assert "Traceback" not in outcome.err, outcome.err
        assert "Warning: " not in outcome.err, outcome.err


def check_report(report):
    """Check what holds for every report."""
    images = report["images"]
    keys = Counter(
        (image["resource"], image["application"], image["alias"], image["image"])
        for image in images
    )
    assert all(count == 1 for count in keys.values()), f"decided twice: {keys}"
    written = {app for commit in report["commits"] for app in commit["applications"]}
    written |= {patch["application"] for patch in report["patches"] if patch["written"]}
    for image in images:
        assert image["message"], image
        if image["reason"] == "Updated":
            assert image["application"] in written, image
            assert not report["dryRun"]
        assert bool(image["writtenTo"]) == (image["outcome"] == "updated"), image
    if report["dryRun"]:
        assert not any(patch["written"] for patch in report["patches"])
    for part in report["resources"]:
        mine = [image for image in images if image["resource"] == part["resource"]]
        problems = [one for one in report["problems"] if one["resource"] == part["resource"]]
        assert part["summary"] == _summary(mine, problems, part["summary"]["applications"])
    for name, total in report["summary"].items():
        assert total == sum(part["summary"][name] for part in report["resources"])


def _summary(images, problems, applications):
    outcomes = Counter(image["outcome"] for image in images)
    failed = [image for image in images if image["outcome"] == "error"]
    writes = {one["application"] for one in failed if one["reason"] in ONCE_PER_APPLICATION}
    single = [one for one in failed if one["reason"] not in ONCE_PER_APPLICATION]
    assert len({image["application"] for image in images}) <= applications
    return {
        "applications": applications,
        "imagesConsidered": sum(image["considered"] for image in images),
        "imagesSkipped": outcomes["skipped"],
        "imagesUpdated": outcomes["updated"],
        "errors": len(writes) + len(single) + sum(one["isError"] for one in problems),
    }


# --- objects ------------------------------------------------------------------------------------


def source(url, path, **more):
    return {"repoURL": url, "path": path, "targetRevision": "main", **more}


def application(name, first, *others, status=None, namespace="argocd", **metadata):
    """Return an Application with one source, or several."""
    spec = {"project": "default"}
    if others:
        spec["sources"] = [first, *others]
    else:
        spec["source"] = first
    return {
        "apiVersion": APPLICATION_API,
        "kind": "Application",
        "metadata": {"name": name, "namespace": namespace, **metadata},
        "spec": spec,
        **({"status": status} if status else {}),
    }


def live(source_type, *images):
    """Return the status of an Application."""
    return {"sourceType": source_type, "summary": {"images": list(images)}}


def images(**names):
    """Return a list of images: alias → name, or (name, further fields)."""
    return [
        {"alias": alias, "imageName": value}
        if isinstance(value, str)
        else {"alias": alias, "imageName": value[0], **value[1]}
        for alias, value in names.items()
    ]


def reference(pattern, listed=None, **more):
    return {"namePattern": pattern, **({"images": listed} if listed else {}), **more}


def git_write_back(target="helmvalues", *, method="git", **config):
    written = {"writeBackTarget": target} if target else {}
    return {"writeBackConfig": {"method": method, "gitConfig": {**written, **config}}}


def resource(name, references, *, namespace="argocd", created="", **spec):
    metadata = {"name": name, "namespace": namespace}
    if created:
        metadata["creationTimestamp"] = created
    return {
        "apiVersion": RESOURCE_API,
        "kind": "ImageUpdater",
        "metadata": metadata,
        "spec": {**spec, "applicationRefs": list(references)},
    }
