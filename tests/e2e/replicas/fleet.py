"""Many Applications and several replicas of the controller, each a process of its own.

Half of the Applications are written to Git, in four repositories, the others directly; each of the
resources selects both kinds. Nobody syncs: what is written once is `AlreadySet` in later cycles.
Each replica has an account and a committer of its own, so that the API server's audit log and the
history of the repositories tell who did what.
"""

import contextlib
import itertools
import re
import time
import urllib.error
import urllib.request
from collections import Counter

import yaml

from clusters.kube_api import KubeApiServer
from clusters.processes import free_port
from clusters.samples import APPLICATION, RESOURCE
from servers.git_server import git
from stages.program import Program
from stages.standalone import application, git_write_back, images, live, reference, resource, source

LEASE = "coordination.k8s.io/v1/Lease"
EVENT = "v1/Event"
LEASE_NAME = "c21b75f2.argoproj.io"
OLD, NEW, NEWER = "1.0.0", "1.1.0", "1.2.0"
INTERVAL_S = 1
LIMIT_S = 90.0
REPOSITORIES, RESOURCES = 4, 5
# What docs/high-availability.md lists for the namespace of the Leases.
RIGHTS = [
    {
        "apiGroups": ["coordination.k8s.io"],
        "resources": ["leases"],
        "verbs": ["get", "list", "watch", "create", "patch"],
    },
    {
        "apiGroups": [""],
        "resources": ["configmaps"],
        "verbs": ["list", "watch", "create", "patch"],
    },
    {"apiGroups": [""], "resources": ["events"], "verbs": ["create"]},
]
_RBAC = "rbac.authorization.k8s.io"
_numbers = itertools.count(1)


class Fleet:
    """api, registry, git_server: running ones. size: how many Applications."""

    def __init__(self, folder, *, api: KubeApiServer, registry, git_server, size=60):
        self.folder, self.api, self.objects = folder, api, api.objects
        self.registry, self.git_server, self.size = registry, git_server, size
        self.name = f"fleet-{next(_numbers)}"
        self.namespace = self.objects.namespace(self.name)
        self.leases = self.objects.namespace(f"{self.name}-leases")
        self.replicas = []
        self.objects.apply(self._git_access())
        for number in range(RESOURCES):
            registry.push_tags(f"{self.name}/web-{number}", [OLD])
        for number in range(REPOSITORIES):
            git_server.repository(self._repository(number), self._files(number))
        for number in range(size):
            self.objects.create(self._application(number))

    # --- what is there --------------------------------------------------------------------------

    def push(self, tag):
        """Push a new tag of every image."""
        for number in range(RESOURCES):
            self.registry.push_tags(f"{self.name}/web-{number}", [tag])

    def create_resources(self):
        for number in range(RESOURCES):
            listed = images(web=f"{self._image(number)}:1.x")
            references = [
                reference(f"git-{number}-*", listed, **git_write_back()),
                reference(f"direct-{number}-*", listed),
            ]
            self.objects.create(resource(f"updater-{number}", references, namespace=self.namespace))

    def create_broken(self, name):
        """Create a resource that cannot be used as a whole."""
        self.objects.create(
            resource(name, [reference("[", images(web="x/y"))], namespace=self.namespace)
        )

    @property
    def resources(self):
        return [f"updater-{number}" for number in range(RESOURCES)]

    def _repository(self, number):
        return f"{self.name}-{number}"

    def _image(self, number):
        return f"{self.registry.host}/{self.name}/web-{number}"

    def _numbers_in(self, repository):
        return [n for n in range(1, self.size, 2) if n // 2 % REPOSITORIES == repository]

    def _app_name(self, number):
        return f"{'git' if number % 2 else 'direct'}-{number % RESOURCES}-{number:03}"

    def _files(self, repository):
        return {
            f"{self._app_name(number)}/values.yaml": (
                f"image:\n  name: {self._image(number % RESOURCES)}\n  tag: {OLD} # of the test\n"
            ).encode()
            for number in self._numbers_in(repository)
        }

    def _application(self, number):
        name = self._app_name(number)
        status = live("Helm", f"{self._image(number % RESOURCES)}:{OLD}")
        if number % 2:
            url = self.git_server.url(self._repository(number // 2 % REPOSITORIES))
            first = source(url, name)
        else:
            first = source("https://git.example.com/never-asked.git", name)
            first["helm"] = {"parameters": [{"name": "image.tag", "value": OLD}]}
        document = application(name, first, namespace=self.namespace, status=status)
        document["spec"]["destination"] = {"server": "https://cluster.example"}
        return document

    def _git_access(self):
        labels = {"argocd.argoproj.io/secret-type": "repo-creds"}
        yield {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "git-server", "namespace": self.namespace, "labels": labels},
            "stringData": {
                "url": f"https://localhost:{self.git_server.port}",
                "username": self.git_server.username,
                "password": self.git_server.password,
            },
        }
        yield {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "argocd-tls-certs-cm", "namespace": self.namespace},
            "data": {"localhost": self.git_server.ca_file.read_text()},
        }

    # --- replicas -------------------------------------------------------------------------------

    @contextlib.contextmanager
    def replica(self, *flags, namespaces=()):
        """Run one more replica; namespaces: that it watches beside the one of the fleet."""
        found = Replica(self, len(self.replicas), flags, namespaces=namespaces)
        self.replicas.append(found)
        with found:
            yield found

    def wait_for_shards(self, *replicas, shards, limit_s=LIMIT_S):
        """Wait until these replicas hold all shards; return what each holds."""

        def is_whole(held):
            return sorted(itertools.chain(*held)) == list(range(shards)) and all(held)

        return eventually(lambda: [one.held() for one in replicas], is_whole, limit_s=limit_s)

    def events(self):
        """Return the messages of the events on Leases."""
        return [
            item["message"]
            for item in self.objects.list(EVENT, namespace=self.leases)
            if item["reason"] == "LeaderElection"
        ]

    # --- what came of it ------------------------------------------------------------------------

    def status(self, name):
        return self.objects.get(RESOURCE, name, namespace=self.namespace).get("status") or {}

    def wait_until_written(self, tag, *, limit_s=LIMIT_S):
        """Wait until every Application has a tag, and every status says so."""
        eventually(self.tags, lambda tags: set(tags.values()) == {tag}, limit_s=limit_s)
        for name in self.resources:
            eventually(lambda name=name: self.status(name), is_whole(tag, self.size))

    def tags(self):
        """Return the tag that each Application has where it is written."""
        found = {}
        for item in self.objects.list(APPLICATION, namespace=self.namespace):
            parameters = item["spec"]["source"].get("helm", {}).get("parameters", [])
            values = {one["name"]: one["value"] for one in parameters}
            if "image.tag" in values:
                found[item["metadata"]["name"]] = values["image.tag"]
        for number in range(REPOSITORIES):
            bare = self.git_server.root / f"{self._repository(number)}.git"
            text = git("-C", bare, "grep", "-h", "-o", "tag: [0-9.]*", "main").decode()
            names = [self._app_name(one) for one in self._numbers_in(number)]
            found |= dict(zip(sorted(names), re.findall(r"tag: (\S+)", text), strict=True))
        return found

    def commits(self):
        """Return (committer, headline) of each repository's commits but the first."""
        for number in range(REPOSITORIES):
            bare = self.git_server.root / f"{self._repository(number)}.git"
            lines = git("-C", bare, "log", "--format=%cn%x09%s", "main").decode().splitlines()
            yield [tuple(line.split("\t")) for line in lines[:-1]]

    def check_written_once(self, *tags):
        """Every change was made once: so many commits, patches and generations."""
        headlines = Counter(headline for found in self.commits() for _, headline in found)
        names = [self._app_name(number) for number in range(1, self.size, 2)]
        wanted = {f"build: automatic update of {name}": len(tags) for name in names}
        assert headlines == wanted
        for item in self.objects.list(APPLICATION, namespace=self.namespace):
            name, generation = item["metadata"]["name"], item["metadata"]["generation"]
            # Only a change of the spec makes a new generation.
            assert generation == (1 if name.startswith("git") else 1 + len(tags)), name

    def writers(self, resource_kind):
        """Return which replicas have changed which objects of a kind, as the audit log tells."""
        found = {}
        for event in self.api.requests():
            about = event.get("objectRef") or {}
            kind = "/".join(filter(None, (about.get("resource"), about.get("subresource"))))
            is_here = about.get("namespace") == self.namespace
            if event["verb"] == "patch" and kind == resource_kind and is_here:
                user = event["user"]["username"].rpartition(":")[2]
                found.setdefault(about["name"], Counter())[user] += 1
        return found


class Replica(Program):
    """One process; see `Fleet.replica`."""

    def __init__(self, fleet, number, flags, *, namespaces=()):
        self.account = f"replica-{number}"
        self.port = free_port()
        token = self._make_account(fleet)
        folder = fleet.folder / f"{fleet.name}-{self.account}"
        folder.mkdir()
        registries = {
            "name": "stage", "prefix": fleet.registry.host, "api_url": fleet.registry.url,
        }  # fmt: skip
        (folder / "registries.conf").write_text(yaml.safe_dump({"registries": [registries]}))
        config = fleet.api.kubeconfig(token=token, path=folder / "kubeconfig")
        super().__init__(
            "run",
            f"--kubeconfig={config}",
            f"--registries-conf-path={folder / 'registries.conf'}",
            f"--state-dir={folder / 'state'}",
            f"--argocd-namespace={fleet.namespace}",
            f"--watch-namespaces={','.join((fleet.namespace, *namespaces))}",
            f"--leader-election-namespace={fleet.leases}",
            f"--health-probe-bind-address=127.0.0.1:{self.port}",
            f"--git-commit-user={self.account}",
            f"--interval={INTERVAL_S}s",
            "--refresh-after-push=false",  # what is counted are the patches of method argocd
            *flags,
            folder=folder,
            secrets={fleet.git_server.password, token},
        )

    def _make_account(self, fleet):
        """Have an account with all rights where it works, and few where the Leases are."""
        fleet.objects.create(
            {
                "apiVersion": "v1",
                "kind": "ServiceAccount",
                "metadata": {"name": self.account, "namespace": fleet.namespace},
            }
        )
        role = {"name": self.account, "namespace": fleet.leases}
        fleet.objects.create(
            {"apiVersion": f"{_RBAC}/v1", "kind": "Role", "metadata": role, "rules": RIGHTS}
        )
        for namespace, kind, name in (
            (fleet.namespace, "ClusterRole", "cluster-admin"),
            (fleet.leases, "Role", self.account),
        ):
            fleet.objects.create(
                {
                    "apiVersion": f"{_RBAC}/v1",
                    "kind": "RoleBinding",
                    "metadata": {"name": self.account, "namespace": namespace},
                    "roleRef": {"apiGroup": _RBAC, "kind": kind, "name": name},
                    "subjects": [
                        {
                            "kind": "ServiceAccount",
                            "name": self.account,
                            "namespace": fleet.namespace,
                        }
                    ],
                }
            )
        return fleet.api.service_account_token(fleet.namespace, self.account)

    def probe(self, path):
        """Return status and text of a probe; 0 while nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as found:
                return found.status, found.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def role(self):
        return self.probe("/readyz/leader")[1]

    def held(self):
        """Return the shards it works on, as its probe tells."""
        found = re.match(r"working on shard ([0-9, ]+) of", self.role())
        return [int(one) for one in found[1].split(",")] if found else []

    def wait_for_role(self, pattern, *, limit_s=LIMIT_S):
        return eventually(self.role, lambda role: re.search(pattern, role), limit_s=limit_s)

    @property
    def identity(self):
        """Its name in Leases, as it says itself."""
        return re.findall(r"this replica works: ([^\s\"]+)", self.log())[-1]

    def cycles(self):
        """Return how many cycles it has run."""
        # One line for each resource.
        return len(re.findall(r"Processing results.*_name=updater-0\b", self.log()))

    def wait_for_cycles(self, more):
        wanted = self.cycles() + more
        eventually(self.cycles, lambda found: found >= wanted)


def is_whole(tag, size):
    """Return whether a status tells of all its Applications: each was updated to the tag once."""
    number = size // RESOURCES

    def check(status):
        updates = [
            (item["newVersion"], item["applicationsUpdated"])
            for item in status.get("recentUpdates", ())
        ]
        return (tag, number) in updates and not problems_of(status, number)

    return check


def problems_of(status, number):
    """Return what a status of so many Applications, all well, should not say."""
    found = {
        "applicationsMatched": status.get("applicationsMatched"),
        "imagesManaged": status.get("imagesManaged"),
        "images": len(status.get("images", ())),
        "reasons": sum(status.get("reasons", {}).values()),
    }
    wrong = [f"{name} is {value}" for name, value in found.items() if value != number]
    wrong += [reason for reason in status.get("reasons", {}) if reason not in GOOD]
    conditions = {item["type"]: item["status"] for item in status.get("conditions", ())}
    if conditions != {"Ready": "True", "Error": "False", "Reconciling": "False"}:
        wrong.append(str(conditions))
    if status.get("observedGeneration") != 1:
        wrong.append(f"observedGeneration is {status.get('observedGeneration')}")
    return wrong


GOOD = {"Updated", "AlreadySet", "UpToDate"}


def eventually(look, is_good, *, limit_s=LIMIT_S):
    """Look until it is good, and return what was seen."""
    deadline = time.monotonic() + limit_s
    while not is_good(seen := look()):
        assert time.monotonic() < deadline, f"not after {limit_s} s: {seen}"
        time.sleep(0.05)  # it looks at other processes, which tell nobody
    return seen
