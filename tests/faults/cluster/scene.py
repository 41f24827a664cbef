"""One ImageUpdater with two Applications that are behind, in a namespace of its own.

`git` is written to a repository, `direct` into the Application itself. Nobody syncs them, so that
what is written once is `AlreadySet` in every later cycle.
"""

import itertools
import re
import time

import yaml

from clusters.samples import APPLICATION, RESOURCE
from faults.http_proxy import Gate
from servers.git_server import file_at, log, write_hook
from stages.program import Program
from stages.standalone import application, git_write_back, images, live, reference, resource, source

ARGOCD = "faults-argocd"
LEASE = "coordination.k8s.io/v1/Lease"
LEASE_NAME = "c21b75f2.argoproj.io"
OLD, NEW = "1.0.0", "1.1.0"
NO_LEASE = "--leader-election=false"
NEVER = "1h"  # an interval that no test waits for

_numbers = itertools.count(1)


class TagsGate(Gate):
    """Used like the gates of the API server."""

    def is_reached(self):
        return self.reached.is_set()

    def open(self):
        self.go.set()


class HookGate:
    """Stops a push in a hook of the server; once."""

    def __init__(self, scene, hook):
        folder = scene.bare.parent / f"{scene.name}-{hook}"
        folder.mkdir()
        self._reached, self._go = folder / "reached", folder / "go"
        # Without the end of the test it ends by itself.
        write_hook(
            scene.bare,
            hook,
            f"[ -e {self._reached} ] && exit 0\n: > {self._reached}\n"
            f"for turn in $(seq 3000); do [ -e {self._go} ] && break; sleep 0.02; done\n"
            "cat > /dev/null",
        )

    def is_reached(self):
        return self._reached.exists()

    def open(self):
        self._go.touch()


class Direct:
    """No front: the program asks the API server itself."""

    def __init__(self, api):
        self._api = api

    def kubeconfig(self, path, *, token):
        return self._api.kubeconfig(token=token, path=path)


class Place:
    """What all scenes share. front: of the API server; gate: of the registry."""

    def __init__(self, folder, *, api, front, registry, gate, git):
        self.folder, self.api, self.front = folder, api, front
        self.registry, self.gate, self.git = registry, gate, git
        self._programs = itertools.count(1)
        api.objects.namespace(ARGOCD)
        api.objects.apply(git_access(git))

    def namespace(self):
        """Return a namespace that nobody else uses."""
        return self.api.objects.namespace(f"cut-{next(_numbers)}")

    def scene(self, **options):
        """Put up a scene that is behind."""
        return Scene(self, **options)

    def program(
        self, *flags, leases, namespaces, token="", state=None, front=None, environment=None
    ):
        """Return the controller over some namespaces, through the front; it starts on entry."""
        folder = self.folder / f"program-{next(self._programs)}"
        folder.mkdir()
        registries = {
            "name": "stage", "prefix": self.registry.host, "api_url": self.gate.base,
        }  # fmt: skip
        file = folder / "registries.conf"
        file.write_text(yaml.safe_dump({"registries": [registries]}))
        token = token or self.api.token()
        config = (front or self.front).kubeconfig(folder / "kubeconfig", token=token)
        return Program(
            "run",
            f"--kubeconfig={config}",
            f"--registries-conf-path={file}",
            f"--state-dir={state or folder / 'state'}",
            f"--argocd-namespace={ARGOCD}",
            f"--watch-namespaces={','.join(namespaces)}",
            f"--leader-election-namespace={leases}",
            "--health-probe-bind-address=0",
            *flags,
            folder=folder,
            secrets={self.git.password, token},
            environment=environment,
        )


class Scene:
    """spec: more of the spec of the resource. made: whether the objects are there now."""

    def __init__(self, place, *, made=True, **spec):
        self.place = place
        self.objects = place.api.objects
        self.namespace = self.name = place.namespace()
        self.leases = place.namespace()
        self.image = f"{place.registry.host}/{self.name}/web"
        place.registry.push_tags(f"{self.name}/web", [OLD, NEW])
        text = f"image:\n  name: {self.image}\n  tag: {OLD} # of the test\n"
        self.bare = place.git.repository(self.name, {"git/values.yaml": text.encode()})
        self.spec = spec
        if made:
            self.make()

    def make(self):
        """Create the objects."""
        for document in self.documents():
            self.objects.create(document)

    def documents(self):
        """Return the Applications and the resource that selects them."""
        status = live("Helm", f"{self.image}:{OLD}")
        direct = source("https://git.example.com/never-asked.git", "x")
        direct["helm"] = {"parameters": [{"name": "image.tag", "value": OLD}]}
        in_git = source(self.place.git.url(self.name), "git")
        for name, first in (("git", in_git), ("direct", direct)):
            document = application(name, first, namespace=self.namespace, status=status)
            document["spec"]["destination"] = {"server": "https://cluster.example"}
            yield document
        listed = images(web=f"{self.image}:1.x")
        references = [reference("git", listed, **git_write_back()), reference("direct", listed)]
        yield resource("updater", references, namespace=self.namespace, **self.spec)

    # --- the program ----------------------------------------------------------------------------

    def program(self, *flags, interval=NEVER, **options):
        """Return the controller over this scene alone."""
        return self.place.program(
            f"--interval={interval}",
            *flags,
            **{"leases": self.leases, "namespaces": [self.namespace], **options},
        )

    def held_tags(self):
        """Stop the next question for the tags of this scene; return the gate."""
        return self.place.gate.on(f"{self.name}/.*tags/list", TagsGate(), times=1)

    def at(self, pattern, action, *, times=1):
        """Meet requests for this namespace; the pattern has ``{ns}`` in place of its path."""
        return self.place.front.on(self._here(pattern), action, times=times)

    def asked(self, pattern):
        """Return the requests so far that a pattern fits."""
        return self.place.front.asked(self._here(pattern))

    def wait_for_front(self, pattern, number, *, limit_s=60):
        """Wait until so many requests fit a pattern."""
        deadline = time.monotonic() + limit_s
        while len(self.asked(pattern)) < number:
            assert time.monotonic() < deadline, self.asked(pattern)
            time.sleep(0.01)  # the front is a list

    def _here(self, pattern):
        return pattern.replace("{ns}", f"/namespaces/{re.escape(self.namespace)}")

    def lease(self):
        """Return the Lease's spec."""
        return self.objects.get(LEASE, LEASE_NAME, namespace=self.leases)["spec"]

    def holder(self):
        """Return who has the Lease; empty, too, where there is none yet."""
        found = self.objects.find(LEASE, LEASE_NAME, namespace=self.leases)
        return found["spec"]["holderIdentity"] if found else ""

    # --- what came of it ------------------------------------------------------------------------

    def find(self, name):
        return self.objects.get(APPLICATION, name, namespace=self.namespace)

    def parameters(self):
        """Return what `direct` declares."""
        return parameters_of(self.find("direct"))

    def tag(self):
        return self.parameters()["image.tag"]

    def headlines(self):
        return log(self.bare)

    def status(self):
        found = self.objects.get(RESOURCE, "updater", namespace=self.namespace)
        return found.get("status") or {}

    def events(self):
        return self.objects.list("v1/Event", namespace=self.namespace)

    def wait_for_tag(self, tag, *, limit_s=60):
        """Wait until `direct` declares a tag."""
        self.objects.wait_for(
            APPLICATION,
            "direct",
            namespace=self.namespace,
            until=lambda found: parameters_of(found)["image.tag"] == tag,
            limit_s=limit_s,
        )

    def wait_for_status(self, until, *, limit_s=60):
        found = self.objects.wait_for(
            RESOURCE,
            "updater",
            namespace=self.namespace,
            until=lambda found: until(found.get("status") or {}),
            limit_s=limit_s,
        )
        return found["status"]

    def is_untouched(self):
        """Whether nothing was written."""
        return self.headlines() == ["Begin"] and self.find("direct")["metadata"]["generation"] == 1

    def check_written_once(self):
        """Every change is there, and was made once."""
        assert self.headlines() == ["build: automatic update of git", "Begin"], self.name
        assert f"tag: {NEW} # of the test\n" in file_at(self.bare, "git/values.yaml").decode()
        assert self.tag() == NEW, self.name
        # Only a change of the spec makes a new generation.
        assert self.find("direct")["metadata"]["generation"] == 2, self.name

    def check_status(self):
        """The status says that both Applications were looked at and all is well."""
        status = self.status()
        assert status["observedGeneration"] == 1, status
        assert (status["applicationsMatched"], status["imagesManaged"]) == (2, 2), status
        assert set(status["reasons"]) <= {"Updated", "AlreadySet"}, status
        found = {item["type"]: item["status"] for item in status["conditions"]}
        assert found == {"Ready": "True", "Error": "False", "Reconciling": "False"}, self.name


def reach(gate, program, *, limit_s=60):
    """Wait until a program has come to a gate."""
    deadline = time.monotonic() + limit_s
    while not gate.is_reached():
        assert program.is_running, f"it ended before: {program.log_tail()}"
        assert time.monotonic() < deadline, f"it never came: {program.log_tail()}"
        time.sleep(0.01)  # gates are files, too


def parameters_of(document):
    parameters = document["spec"]["source"]["helm"]["parameters"]
    return {item["name"]: item["value"] for item in parameters}


def condition(status, kind):
    """Return status, reason and message of a condition."""
    for found in status.get("conditions", ()):
        if found["type"] == kind:
            return found["status"], found["reason"], found["message"]
    return None


def git_access(git):
    """Return the objects that let the program reach the Git server over HTTPS."""
    labels = {"argocd.argoproj.io/secret-type": "repo-creds"}
    yield {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "git-server", "namespace": ARGOCD, "labels": labels},
        "stringData": {
            "url": f"https://localhost:{git.port}",
            "username": git.username,
            "password": git.password,
        },
    }
    yield {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "argocd-tls-certs-cm", "namespace": ARGOCD},
        "data": {"localhost": git.ca_file.read_text()},
    }
