"""Applications whose values files stand in Git over HTTPS, and what their updates cost.

The Git server counts questions; git processes are counted in a run of its own, for a wrapper around
git costs time.
"""

import os
import shutil
from collections import Counter

from measuring import run

_WRAPPER = """#!/bin/sh
for word; do case $word in -*) ;; *) break ;; esac; done
echo "$word" >> {log}
exec {git} "$@"
"""


def values(registry, *, tag="1.0.0"):
    """Return a values file that names the image of all Applications."""
    return (
        f"# values of one application\nimage:\n  name: {registry.host}/team/app\n"
        f"  tag: {tag} # managed\nreplicas: 2\n"
    ).encode()


def write_manifests(folder, registry, git, *, applications):
    """Write all manifests. applications: name → (repository, path)."""
    folder.mkdir()
    (folder / "registries.conf").write_text(
        f"registries:\n- name: local\n  prefix: {registry.host}\n  api_url: {registry.url}\n"
    )
    certificate = "".join(f"    {line}\n" for line in git.ca_file.read_text().splitlines())
    server = git.url("x").rpartition("/")[0]
    (folder / "resource.yaml").write_text(
        f"""apiVersion: argocd-image-updater.argoproj.io/v1alpha1
kind: ImageUpdater
metadata: {{name: all, namespace: argocd}}
spec:
  writeBackConfig: {{method: git, gitConfig: {{branch: main, writeBackTarget: helmvalues}}}}
  applicationRefs:
  - namePattern: app-*
    images:
    - {{alias: main, imageName: '{registry.host}/team/app:1.x'}}
---
apiVersion: v1
kind: Secret
metadata:
  name: repositories
  namespace: argocd
  labels: {{argocd.argoproj.io/secret-type: repo-creds}}
stringData: {{url: "{server}", username: {git.username}, password: {git.password}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: argocd-tls-certs-cm, namespace: argocd}}
data:
  localhost: |
{certificate}"""
    )
    for name, (repository, path) in applications.items():
        (folder / f"{name}.yaml").write_text(
            f"""apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {{name: {name}, namespace: argocd}}
spec:
  project: default
  destination: {{server: https://kubernetes.default.svc, namespace: x}}
  source:
    repoURL: {git.url(repository)}
    path: {path}
    targetRevision: main
"""
        )


def count_git_processes(folder, command, *words):
    """Run a command and return how often it started git, by git command."""
    programs = folder / "programs"
    programs.mkdir(exist_ok=True)
    log = folder / "git-processes"
    log.write_text("")
    wrapper = programs / "git"
    wrapper.write_text(_WRAPPER.format(log=log, git=shutil.which("git")))
    wrapper.chmod(0o755)
    run(command, *words, path=f"{programs}:{os.environ['PATH']}")
    return Counter(log.read_text().split())


def processes_row(name, found, *, limit):
    """Print how many git processes there were and say whether the limit was kept."""
    total = sum(found.values())
    missed = "  MISSED" if total > limit else ""
    print(f"{name:<34} {total} git processes  limit {limit}{missed}  {dict(found)}", flush=True)
    return total <= limit
