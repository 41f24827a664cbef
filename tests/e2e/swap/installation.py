"""An installation in a cluster: its settings, Applications and resources, and the program in it.

The program gets what a Pod of the Deployment gets: arguments, environment, files below
``/app/config``, and the account's token. Only where those files are, which ports are free and where
the API server is has to be said, because no Pod runs.
"""

import itertools
import json
import ssl
import time
import urllib.request
from collections import Counter
from datetime import UTC, datetime

import yaml

from clusters.first_releases import (
    CONFIG,
    SECRET,
    environment_of,
    mount,
)
from clusters.processes import free_port
from clusters.samples import APPLICATION, RESOURCE
from servers.git_server import file_at, log
from stages.cluster import git_access
from stages.program import Program
from stages.standalone import application

NAMESPACE = "argocd"
WEBHOOK_SECRET = "wEb-hOok-8815"
TEMPLATE = "chore: {{ .AppName }}{{ range .AppChanges }} {{ .Image }}={{ .NewTag }}{{ end }}"
RESULTS = "Processing results: "
LIMIT_S = 60.0


class Installation:
    """One namespace with the program's account and settings.

    registry, git: running servers. config: the ConfigMap as it was applied last.
    """

    def __init__(self, folder, api, *, registry, git):
        self.folder = folder
        self.api, self.objects = api, api.objects
        self.registry, self.git = registry, git
        self.config, self.secret = {}, {}
        self._numbers = itertools.count(1)
        self.objects.apply(git_access(git))

    # --- what users have ------------------------------------------------------------------------

    def image(self, name, tag=""):
        image = f"{self.registry.host}/team/{name}"
        return f"{image}:{tag}" if tag else image

    def configure(self, **config):
        """Apply ConfigMap and Secret with these keys; ``log__format`` stands for ``log.format``."""
        entry = {"name": "lab", "prefix": self.registry.host, "api_url": self.registry.url}
        self.config = {
            "registries.conf": yaml.safe_dump({"registries": [entry]}),
            "git.commit-message-template": TEMPLATE,
            **{key.replace("__", "."): value for key, value in config.items()},
        }
        self.secret = {"webhook.docker-secret": WEBHOOK_SECRET}
        self.objects.apply(_named("ConfigMap", CONFIG, data=self.config))
        self.objects.apply(_named("Secret", SECRET, stringData=self.secret))

    def add(self, name, source, source_type, *images, namespace=NAMESPACE, **metadata):
        """Create an Application that runs some images; return it as stored."""
        document = application(name, source, namespace=namespace, **metadata)
        document["spec"]["destination"] = {"server": self.api.url, "namespace": "default"}
        document["status"] = {"sourceType": source_type, "summary": {"images": list(images)}}
        return self.objects.create(document)

    def run_images(self, name, *images, namespace=NAMESPACE):
        """Have the images of an Application live, as Argo CD would after a sync."""
        change = {"status": {"summary": {"images": list(images)}}}
        self.objects.patch(APPLICATION, name, change=change, namespace=namespace)

    def application(self, name, namespace=NAMESPACE):
        return self.objects.get(APPLICATION, name, namespace=namespace)

    def resource(self, name, namespace=NAMESPACE):
        return self.objects.get(RESOURCE, name, namespace=namespace)

    def file(self, repository, path):
        return file_at(self.git.root / f"{repository}.git", path).decode()

    def last_commit(self, repository, pattern):
        return log(self.git.root / f"{repository}.git", "main", pattern)[0]

    def clear(self, *namespaces):
        """Take away all resources and Applications."""
        for namespace in namespaces:
            for kind in (RESOURCE, APPLICATION):
                for found in self.objects.list(kind, namespace=namespace):
                    name = found["metadata"]["name"]
                    change = {"metadata": {"finalizers": None}}
                    self.objects.patch(kind, name, change=change, namespace=namespace)
                    self.objects.delete(kind, name, namespace=namespace)

    # --- the program ----------------------------------------------------------------------------

    def program(self, *flags, account, namespace=NAMESPACE):
        """Return the program as the Deployment starts it; it runs on entry."""
        folder = self.folder / f"pod-{next(self._numbers)}"
        folder.mkdir()
        config = mount(self.config, folder / "config")
        token = self.api.service_account_token(namespace, account)
        user = f"system:serviceaccount:{namespace}:{account}"
        kubeconfig = self.api.kubeconfig(
            user, token=token, namespace=namespace, path=folder / "kubeconfig"
        )
        ports = {"metrics": free_port(), "probes": free_port()}
        program = Program(
            f"--metrics-bind-address=:{ports['metrics']}",
            "run",
            f"--health-probe-bind-address=:{ports['probes']}",
            f"--registries-conf-path={config / 'registries.conf'}",
            f"--git-commit-message-path={config / 'commit.template'}",
            *flags,
            folder=folder,
            secrets={self.git.password, token, WEBHOOK_SECRET},
            environment={
                "KUBECONFIG": str(kubeconfig),
                "POD_NAMESPACE": namespace,
                **environment_of(self.config, self.secret),
            },
        )
        program.ports, program.user, program.token = ports, user, token
        program.since = now()
        return program

    def requests(self, program):
        """Return the audit events of a program since it was made."""
        return [
            event
            for event in self.api.requests(program.user)
            if event["requestReceivedTimestamp"] >= program.since
        ]


def now():
    """Return the time of day as the audit log writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def wait_until(is_true, *, limit_s=LIMIT_S, program=None):
    """Ask until the answer is true; a program that has ended meanwhile shows its log."""
    deadline = time.monotonic() + limit_s
    while not (found := is_true()):
        running = program is None or program.is_running
        assert running and time.monotonic() < deadline, program and program.log_tail()  # noqa: PT018 - one cause to show
        time.sleep(0.05)  # states of other processes, of which not each tells
    return found


def cycles(program):
    """Count the cycles of each resource so far, by the lines of its log."""
    lines = (json.loads(line) for line in program.log().splitlines() if RESULTS in line)
    return Counter(line["imageUpdater_name"] for line in lines)


def scrape(program):
    """Read the metrics as Prometheus does, with the account of the installation."""
    request = urllib.request.Request(
        f"https://127.0.0.1:{program.ports['metrics']}/metrics",
        headers={"Authorization": f"Bearer {program.token}"},
    )
    context = ssl._create_unverified_context()  # it makes its certificate itself
    with urllib.request.urlopen(request, context=context, timeout=30) as answer:
        return answer.read().decode()


def forget_rights(api):
    """Take away all roles that an installation has."""
    for kind, namespace in (
        ("Role", NAMESPACE), ("RoleBinding", NAMESPACE), ("ClusterRole", ""),
        ("ClusterRoleBinding", ""),
    ):  # fmt: skip
        kind = f"rbac.authorization.k8s.io/v1/{kind}"  # noqa: PLW2901 - its full name
        for found in api.objects.list(kind, namespace=namespace):
            name = found["metadata"]["name"]
            if name.startswith("argocd-image-updater"):
                api.objects.delete(kind, name, namespace=namespace)


def counted(events):
    """Count requests by verb and resource."""
    return Counter((event["verb"], _resource_of(event)) for event in events)


def refused(events):
    """Return the requests that were not allowed."""
    return [
        (event["verb"], event["requestURI"])
        for event in events
        if event["responseStatus"]["code"] in {401, 403}
    ]


def _resource_of(event):
    about = event.get("objectRef", {})
    return "/".join(filter(None, (about.get("resource", ""), about.get("subresource"))))


def _named(kind, name, **members):
    return {
        "apiVersion": "v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": NAMESPACE},
        **members,
    }
