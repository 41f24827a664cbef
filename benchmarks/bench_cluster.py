"""Applications in a real API server, method argocd: once, then in the running controller.

500 Applications over 50 repositories of 50 tags: all outdated, then nothing to do, each as a whole
process; then the controller's idle cycles and its answer to an edit. 5,000 Applications over 200
repositories: idle cycles and memory. Requests are counted in the logs of both servers.
``SIZES=500x50`` runs one of them only.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import measuring  # makes what stands below tests/ importable
from clusters.kube_api import KubeApiServer
from clusters.samples import APPLICATION, RESOURCE, RESOURCE_DEFINITION
from registries.distribution import DistributionRegistry

TAGS = 50
USER = "system:serviceaccount:argocd:updater"
NAMESPACE = "argocd"
SIZES = [
    tuple(map(int, item.split("x")))
    for item in os.environ.get("SIZES", "500x50,5000x200").split(",")
]
IDLE_CYCLES = 10
INTERVAL_S = 1


def an_application(number, *, repositories, registry, tag):
    image = f"{registry.host}/team/app-{number % repositories:03}"
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": f"app-{number % repositories:03}-{number:04}", "namespace": NAMESPACE},
        "spec": {
            "project": "default",
            "destination": {"server": "https://kubernetes.default.svc", "namespace": "x"},
            "source": {
                "repoURL": "https://charts.example.com",
                "chart": "web",
                "targetRevision": "1.0.0",
                "helm": {
                    "parameters": [
                        {"name": "image.name", "value": image},
                        {"name": "image.tag", "value": tag},
                        {"name": "replicas", "value": "3"},
                    ]
                },
            },
        },
        "status": {
            "sourceType": "Helm",
            "summary": {"images": [f"{image}:{tag}"]},
            # What Argo CD writes beside it, most of an Application's bytes.
            "resources": [
                {"kind": "Deployment", "name": f"d-{index}", "version": "v1", "status": "Synced"}
                for index in range(40)
            ],
        },
    }


def a_resource(registry, repositories):
    return {
        "apiVersion": "argocd-image-updater.argoproj.io/v1alpha1",
        "kind": "ImageUpdater",
        "metadata": {"name": "all", "namespace": NAMESPACE},
        "spec": {
            "applicationRefs": [
                {
                    "namePattern": f"app-{index:03}-*",
                    "images": [
                        {"alias": "main", "imageName": f"{registry.host}/team/app-{index:03}:1.x"}
                    ],
                }
                for index in range(repositories)
            ]
        },
    }


class Scene:
    """An API server with Applications, a registry with tags, and how the command is called."""

    def __init__(self, api, registry, folder, *, applications, repositories):
        self.api, self.registry, self.folder = api, registry, folder
        self.applications, self.repositories = applications, repositories
        for index in range(repositories):
            registry.push_tags(f"team/app-{index:03}", [f"1.{minor}.0" for minor in range(TAGS)])
        (folder / "registries.conf").write_text(
            f"registries:\n- name: local\n  prefix: {registry.host}\n  api_url: {registry.url}\n"
        )
        api.install_crds("application")
        api.objects.apply(RESOURCE_DEFINITION)
        api.objects.namespace(NAMESPACE)
        self.set_tags("1.0.0")
        api.objects.create(a_resource(registry, repositories))
        self.kubeconfig = api.kubeconfig(USER, namespace=NAMESPACE)

    def set_tags(self, tag):
        """Have every Application with this tag, running and declared."""

        def put(numbers):
            objects = self.api.objects_as()
            for number in numbers:
                objects.apply(
                    an_application(
                        number, repositories=self.repositories, registry=self.registry, tag=tag
                    )
                )
            objects.close()

        numbers = range(self.applications)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(put, (numbers[part::4] for part in range(4))))

    def words(self, *more):
        return (
            "run",
            f"--kubeconfig={self.kubeconfig}",
            f"--registries-conf-path={self.folder / 'registries.conf'}",
            f"--state-dir={self.folder / 'state'}",
            "--leader-election-namespace=argocd",
            "--health-probe-bind-address=0",
            *more,
        )

    def counts(self):
        return self.api.request_counts(USER)

    def tag_lists(self):
        return sum(
            count
            for (method, path), count in self.registry.request_counts().items()
            if method == "GET" and "/tags/list" in path
        )


def whole_processes(scene):
    lists, patches = [], []

    def measure(command):
        scene.set_tags("1.0.0")
        scene.api.forget_requests()
        before = scene.tag_lists()
        outdated = measuring.run(command, *scene.words("--once"))
        assert f"images_updated={scene.applications} errors=0" in outdated.output, outdated.output
        lists.append(scene.tag_lists() - before)
        patches.append(scene.counts()["patch", "applications"])
        scene.set_tags(f"1.{TAGS - 1}.0")
        idle = measuring.run(command, *scene.words("--once"))
        assert "images_updated=0 errors=0" in idle.output, idle.output
        return {"outdated": outdated, "idle": idle}

    found = measuring.measure_rounds(measure)
    name = f"{scene.applications} applications"
    counts = f"{max(lists)} tag lists (limit {scene.repositories}), {max(patches)} patches"
    good = measuring.row(
        f"{name}, all outdated", found["outdated"], limit_s=4, limit_mib=130, counts=counts
    )
    good &= measuring.row(f"{name}, nothing to do", found["idle"], limit_s=1.5, limit_mib=130)
    return good and max(lists) <= scene.repositories and max(patches) == scene.applications


class Controller:
    """The running controller: its CPU, memory and log."""

    def __init__(self, scene):
        self._log = scene.folder / "controller.log"
        kept = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [measuring.COMMAND, *scene.words(f"--interval={INTERVAL_S}s")],
                stdout=log,
                stderr=log,
                env=kept,
            )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(40)

    def cycles(self):
        return self._log.read_text().count("Processing results")

    def wait_for_cycles(self, count):
        deadline = time.monotonic() + 300
        while self.cycles() < count:
            assert self._process.poll() is None, self._log.read_text()[-3000:]
            assert time.monotonic() < deadline, self._log.read_text()[-3000:]
            time.sleep(0.02)

    def cpu_s(self):
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_mib(self):
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024

    def log(self):
        return self._log.read_text()


def running(scene, *, limit_cpu_s, limit_mib):
    """Measure idle cycles of the running controller, and how soon it acts on an edit."""
    with Controller(scene) as controller:
        controller.wait_for_cycles(2)
        scene.api.forget_requests()
        cycles, cpu_s = controller.cycles(), controller.cpu_s()
        controller.wait_for_cycles(cycles + IDLE_CYCLES)
        done = controller.cycles() - cycles
        per_cycle_s = (controller.cpu_s() - cpu_s) / done
        asked = scene.counts()
        reaction_s = react(scene, controller)
        peak = controller.peak_mib()
    lists = sum(count for (verb, _), count in asked.items() if verb == "list")
    name = f"{scene.applications} applications, idle cycle"
    print(
        f"{name:<34} {per_cycle_s:6.3f} s CPU (limit {limit_cpu_s})  {peak:6.1f} MiB (limit "
        f"{limit_mib})  {lists} lists; requests in {done} cycles: {dict(asked)}"
    )
    print(f"{'an edit is acted on':<34} {reaction_s:6.3f} s after the write (limit 1)", flush=True)
    return per_cycle_s <= limit_cpu_s and peak <= limit_mib and not lists and reaction_s <= 1


def react(scene, controller):
    """Edit a resource of its own and wait for the patch of what it selects."""
    name = "app-000-0000"
    tag = f"1.{TAGS - 2}.0"
    scene.api.objects.patch(
        APPLICATION,
        name,
        namespace=NAMESPACE,
        change={"status": {"summary": {"images": [f"{scene.registry.host}/team/app-000:{tag}"]}}},
    )
    spec = a_resource(scene.registry, scene.repositories)["spec"]
    spec["applicationRefs"][0]["images"][0]["imageName"] = (
        f"{scene.registry.host}/team/app-000:1.{TAGS - 3}.x"
    )
    spec["applicationRefs"][0]["images"][0]["commonUpdateSettings"] = {"downgrade": "allow"}
    began = time.monotonic()
    scene.api.objects.patch(RESOURCE, "all", namespace=NAMESPACE, change={"spec": spec})

    def is_set(found):
        parameters = found["spec"]["source"]["helm"]["parameters"]
        return parameters[1]["value"] == f"1.{TAGS - 3}.0"

    while not is_set(scene.api.objects.get(APPLICATION, name, namespace=NAMESPACE)):
        assert time.monotonic() < began + 30, controller.log()[-3000:]
        time.sleep(0.01)
    return time.monotonic() - began


def main():
    good = True
    for applications, repositories in SIZES:
        with (
            tempfile.TemporaryDirectory() as name,
            DistributionRegistry() as registry,
            KubeApiServer(users={USER: ["system:masters"]}) as api,
        ):
            scene = Scene(
                api, registry, Path(name), applications=applications, repositories=repositories
            )
            small = applications <= 500
            if small:
                good &= whole_processes(scene)
            else:
                scene.set_tags(f"1.{TAGS - 1}.0")
            good &= running(scene, limit_cpu_s=0.3 if small else 2, limit_mib=130 if small else 300)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
