"""A stage for the mode inside a cluster: API server, registry, Git, the program, perhaps Argo CD.

The program runs as a child process with a kubeconfig, as a Pod would with its account. Without Argo
CD a test writes the status of Applications itself. What happens is waited for by asking the API,
with a limit; a limit that is over shows what was seen last and the end of every log.
"""

import time

import yaml

from clusters.argocd import APPLICATION
from clusters.samples import RESOURCE
from servers.git_server import commit_files, file_at, log
from stages.program import Program
from stages.standalone import application as plain_application
from stages.standalone import source

LIMIT_S = 120.0
ARGOCD_NAMESPACE = "argocd"


class ClusterStage:
    """One cluster with a folder for what the program keeps.

    api, registry, git: running servers. argocd: what works on the Applications, or None.
    """

    def __init__(self, folder, *, api, registry, git, argocd=None):
        self.folder = folder
        self.api = api
        self.objects = api.objects
        self.registry = registry
        self.git = git
        self.argocd = argocd
        self._programs = []
        self.objects.namespace(ARGOCD_NAMESPACE)
        self.objects.apply(git_access(git))

    # --- what is there --------------------------------------------------------------------------

    def image(self, name, tag=""):
        """Return the full name of an image, with its tag where one is given."""
        return f"{self.registry.host}/{name}:{tag}" if tag else f"{self.registry.host}/{name}"

    def push(self, name, *tags, **options):
        """Push one image under some tags; return its digest."""
        return self.registry.push_tags(name, list(tags), **options)

    def repository(self, name, files):
        """Make a repository; return its address."""
        self.git.repository(name, files)
        return self.git.url(name)

    def source(self, name, path, **more):
        """Return a source of an Application: a folder of a repository of this stage."""
        return source(self.git.url(name), path, **more)

    def bare(self, name):
        return self.git.root / f"{name}.git"

    def file(self, name, path):
        return file_at(self.bare(name), path).decode()

    def commits(self, name):
        """Return the headlines of a repository, the newest first."""
        return log(self.bare(name))

    def commit(self, name, files):
        """Commit as another person would."""
        return commit_files(self.bare(name), files)

    # --- objects --------------------------------------------------------------------------------

    def application(self, name, first, *others, namespace=ARGOCD_NAMESPACE, sync=None, **more):
        """Return an Application that deploys into a namespace of its name, which is made.

        sync: its ``syncPolicy``; by default everything is synced automatically. more: its status,
        and what else its metadata has.
        """
        document = plain_application(name, first, *others, namespace=namespace, **more)
        document["spec"] |= {
            "destination": {"server": self.api.url, "namespace": self.objects.namespace(name)},
            "syncPolicy": {"automated": {}} if sync is None else sync,
        }
        return document

    def create(self, *documents):
        for document in documents:
            self.objects.create(document)

    def find(self, name, namespace=ARGOCD_NAMESPACE):
        """Return an Application as it is now."""
        return self.objects.get(APPLICATION, name, namespace=namespace)

    def change(self, name, change, namespace=ARGOCD_NAMESPACE):
        """Change an Application as a user would, by a merge patch."""
        return self.objects.patch(APPLICATION, name, change=change, namespace=namespace)

    # --- the program ----------------------------------------------------------------------------

    def program(self, *flags, kubeconfig=None, environment=None):
        """Return ``run`` with what it needs here; it starts on entry.

        kubeconfig: the file that says who it is; by default the administrator.
        """
        folder = self.folder / f"program-{len(self._programs) + 1}"
        folder.mkdir()
        registries = {
            "name": "stage", "prefix": self.registry.host, "api_url": self.registry.url,
        }  # fmt: skip
        file = folder / "registries.conf"
        file.write_text(yaml.safe_dump({"registries": [registries]}))
        self._programs.append(
            Program(
                "run",
                f"--kubeconfig={kubeconfig or self.api.kubeconfig()}",
                f"--registries-conf-path={file}",
                f"--state-dir={folder / 'state'}",
                f"--argocd-namespace={ARGOCD_NAMESPACE}",
                f"--leader-election-namespace={ARGOCD_NAMESPACE}",
                "--health-probe-bind-address=0",
                *flags,
                folder=folder,
                secrets={self.git.password, self.api.token()},
                environment={"POD_NAMESPACE": ARGOCD_NAMESPACE, **(environment or {})},
            )
        )
        return self._programs[-1]

    # --- waiting --------------------------------------------------------------------------------

    def wait_for_live(self, name, *images, namespace=ARGOCD_NAMESPACE, limit_s=LIMIT_S):
        """Wait until Argo CD says that an Application is synced and runs these; return it."""

        def is_there(found):
            status = found.get("status", {})
            live = status.get("summary", {}).get("images", [])
            is_synced = status.get("sync", {}).get("status") == "Synced"
            return is_synced and sorted(live) == sorted(images)

        return self._wait(APPLICATION, name, namespace=namespace, until=is_there, limit_s=limit_s)

    def wait_for_application(
        self, name, until, *, namespace=ARGOCD_NAMESPACE, limit_s=LIMIT_S
    ):  # fmt: skip
        """Wait until the function says yes to an Application; return it."""
        return self._wait(APPLICATION, name, namespace=namespace, until=until, limit_s=limit_s)

    def wait_for_status(self, name, until, *, namespace=ARGOCD_NAMESPACE, limit_s=LIMIT_S):
        """Wait until the function says yes to the status of an ImageUpdater; return the status."""
        found = self._wait(
            RESOURCE, name, namespace=namespace, limit_s=limit_s,
            until=lambda found: until(found.get("status") or {}),
        )  # fmt: skip
        return found["status"]

    def wait_for_checks(self, *names, namespace=ARGOCD_NAMESPACE, limit_s=LIMIT_S):
        """Wait until ImageUpdaters were looked at once more from now on; return their statuses.

        A cycle may run just now, so that two later ones end: times are told in whole seconds.
        """
        for _ in range(2):
            before = {name: self._checked_at(name, namespace) for name in names}
            statuses = [
                self.wait_for_status(
                    name,
                    lambda status, old=old: status.get("lastCheckedAt") != old,
                    namespace=namespace,
                    limit_s=limit_s,
                )
                for name, old in before.items()
            ]
        return statuses

    def _checked_at(self, name, namespace):
        found = self.objects.get(RESOURCE, name, namespace=namespace)
        return found.get("status", {}).get("lastCheckedAt")

    def wait_for_commits(self, name, number, *, limit_s=LIMIT_S):
        """Wait until a repository has so many commits; return their headlines."""
        deadline = time.monotonic() + limit_s
        while len(found := self.commits(name)) < number:
            assert time.monotonic() < deadline, f"{name} after {limit_s} s: {found}"
            time.sleep(0.1)  # a bare repository tells nobody of a push
        return found

    def _wait(self, kind, name, *, namespace, until, limit_s):
        """Wait for an object; end at once where a program has died meanwhile."""

        def look(found):
            for program in self._programs:
                program.check_running()
            return until(found)

        try:
            return self.objects.wait_for(
                kind, name, until=look, namespace=namespace, limit_s=limit_s
            )
        except AssertionError as error:
            parts = [*self._programs, *filter(None, [self.argocd])]
            raise AssertionError("\n".join([str(error), *(p.log_tail() for p in parts)])) from error


def condition(status, kind):
    """Return status and reason of a condition of an ImageUpdater."""
    found = {one["type"]: (one["status"], one["reason"]) for one in status.get("conditions", [])}
    return found.get(kind)


def git_access(git):
    """Return the objects that let Argo CD, and the program, reach a Git server over HTTPS."""
    labels = {"argocd.argoproj.io/secret-type": "repo-creds"}
    host = f"https://localhost:{git.port}"
    yield {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "git-server", "namespace": ARGOCD_NAMESPACE, "labels": labels},
        "stringData": {"url": host, "username": git.username, "password": git.password},
    }
    yield {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "argocd-tls-certs-cm", "namespace": ARGOCD_NAMESPACE},
        "data": {"localhost": git.ca_file.read_text()},
    }
