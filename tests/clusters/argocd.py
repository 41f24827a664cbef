"""Argo CD's repo server and controllers with a Redis, beside an API server.

Argo CD believes to run elsewhere and manages the cluster by a cluster Secret. It compares every ten
seconds and at once where an Application changes. Repositories may be ``file://`` folders.

Source of the settings: https://argo-cd.readthedocs.io/en/stable/operator-manual/.
"""

import json
import os
import secrets
from pathlib import Path

from clusters.processes import Server, accepts, free_port, memory_folder, remove_folder
from lab import find_program

READY_S = 60.0
NAMESPACE = "argocd"
APPLICATION = "argoproj.io/v1alpha1/Application"
PROJECT = "argoproj.io/v1alpha1/AppProject"
REFRESH = "argocd.argoproj.io/refresh"
_PART_OF = {"app.kubernetes.io/part-of": "argocd"}


class ArgoCD:
    """Use as a context manager, inside that of the API server.

    resync_s: how often each Application is compared. settings: more data of ConfigMap argocd-cm.
    namespaces: where else it finds Applications. certificates: host → PEM of who may sign for it.
    sets: whether ApplicationSets become Applications.
    """

    def __init__(
        self, api, *, namespace=NAMESPACE, resync_s=10, settings=None, namespaces=(),
        certificates=None, sets=False,
    ):  # fmt: skip
        self.api = api
        self.namespace = namespace
        self.folder = memory_folder("argocd-")
        self._resync_s = resync_s
        self._settings = settings or {}
        self._namespaces = namespaces
        self._write_certificates(certificates or {})
        self._redis_port, self._repo_port = free_port(), free_port()
        self._servers = [self._redis(), self._repo_server(), self._application_controller()]
        if sets:
            self._servers.append(self._set_controller())

    def __enter__(self):
        self._prepare_cluster()
        try:
            for server, port in self._servers:
                server.start()
                server.wait_until(lambda port=port: accepts(port), limit_s=READY_S)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """End every part, and remove what they wrote."""
        for server, _ in reversed(self._servers):
            server.stop()
        remove_folder(self.folder)

    def log_tail(self):
        """Return the end of every part's log."""
        return "\n".join(
            f"== {server.log.stem}\n{server.log_tail()}"
            for server, _ in self._servers
            if server.log.exists()
        )

    def application(self, name, *, source, destination="default", sync=None, annotations=None):
        """Create an Application in Argo CD's namespace that deploys to this cluster.

        sync: its ``syncPolicy``; by default everything is synced automatically.
        """
        return self.api.objects.create(
            {
                "apiVersion": "argoproj.io/v1alpha1",
                "kind": "Application",
                "metadata": {
                    "name": name,
                    "namespace": self.namespace,
                    "annotations": annotations or {},
                },
                "spec": {
                    "project": "default",
                    "source": source,
                    "destination": {"server": self.api.url, "namespace": destination},
                    "syncPolicy": {"automated": {}} if sync is None else sync,
                },
            }
        )

    def refresh(self, name):
        """Have Argo CD look at the repository of an Application now."""
        change = {"metadata": {"annotations": {REFRESH: "normal"}}}
        self.api.objects.patch(APPLICATION, name, change=change, namespace=self.namespace)

    def wait_until_synced(self, name, *, images=None, limit_s=90.0):
        """Wait until an Application is Synced, and its live images are these; return it."""

        def is_there(application):
            status = application.get("status", {})
            live = status.get("summary", {}).get("images", [])
            is_synced = status.get("sync", {}).get("status") == "Synced"
            return is_synced and (images is None or sorted(live) == sorted(images))

        try:
            return self.api.objects.wait_for(
                APPLICATION, name, until=is_there, namespace=self.namespace, limit_s=limit_s
            )
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log_tail()}") from error

    def _prepare_cluster(self):
        """Have the CRDs, the settings, the default project, and the cluster to deploy to."""
        self.api.install_crds("application", "appproject", "applicationset")
        self.api.objects.namespace(self.namespace)
        self.api.objects.apply(
            [
                self._object(
                    "v1/ConfigMap",
                    "argocd-cm",
                    labels=_PART_OF,
                    data={"timeout.reconciliation": f"{self._resync_s}s", **self._settings},
                ),
                self._object("v1/ConfigMap", "argocd-rbac-cm", labels=_PART_OF, data={}),
                self._object(
                    "v1/Secret",
                    "argocd-secret",
                    labels=_PART_OF,
                    stringData={"server.secretkey": secrets.token_hex(16)},
                ),
                self._object(
                    PROJECT,
                    "default",
                    spec={**_OPEN_PROJECT, "sourceNamespaces": list(self._namespaces)},
                ),
                self._object(
                    "v1/Secret",
                    "this-cluster",
                    labels={"argocd.argoproj.io/secret-type": "cluster"},
                    stringData=self._cluster(),
                ),
            ]
        )

    def _object(self, kind, name, *, labels=None, **content):
        version, _, short = kind.rpartition("/")
        metadata = {"name": name, "namespace": self.namespace, "labels": labels or {}}
        return {"apiVersion": version, "kind": short, "metadata": metadata, **content}

    def _cluster(self):
        access = {"bearerToken": self.api.token(), "tlsClientConfig": {"insecure": True}}
        return {"name": "this", "server": self.api.url, "config": json.dumps(access)}

    def _write_certificates(self, certificates):
        """Write them as the repo server finds those of ConfigMap argocd-tls-certs-cm mounted."""
        (self.folder / "tls").mkdir()
        for host, pem in certificates.items():
            (self.folder / "tls" / host).write_text(pem)

    def _redis(self):
        port = self._redis_port
        server = self._server(
            "redis-server",
            [
                _program("redis-server"),
                *("--port", port),
                *("--bind", "127.0.0.1"),
                *("--save", ""),
                *("--dir", self.folder),
            ],
        )
        return server, port

    def _repo_server(self):
        port = self._repo_port
        server = self._server(
            "argocd-repo-server",
            [
                _program("argocd"),
                f"--redis=127.0.0.1:{self._redis_port}",
                "--address=127.0.0.1",
                f"--port={port}",
                "--metrics-address=127.0.0.1",
                f"--metrics-port={free_port()}",
                "--disable-tls",
                # Half of it: a comparison is never answered from before the last one.
                f"--revision-cache-expiration={self._resync_s / 2}s",
            ],
        )
        return server, port

    def _application_controller(self):
        port = free_port()
        server = self._server(
            "argocd-application-controller",
            [
                _program("argocd"),
                f"--kubeconfig={self.api.kubeconfig(path=self.folder / 'kubeconfig')}",
                f"--namespace={self.namespace}",
                f"--redis=127.0.0.1:{self._redis_port}",
                f"--repo-server=127.0.0.1:{self._repo_port}",
                "--repo-server-plaintext",
                f"--app-resync={self._resync_s}",
                "--app-resync-jitter=0",
                f"--metrics-port={port}",
                f"--application-namespaces={','.join(self._namespaces)}",
            ],
        )
        return server, port

    def _set_controller(self):
        port = free_port()
        server = self._server(
            "argocd-applicationset-controller",
            [
                _program("argocd"),
                f"--kubeconfig={self.api.kubeconfig(path=self.folder / 'kubeconfig')}",
                f"--namespace={self.namespace}",
                f"--argocd-repo-server=127.0.0.1:{self._repo_port}",
                "--repo-server-plaintext",
                f"--probe-addr=127.0.0.1:{port}",
                f"--metrics-addr=127.0.0.1:{free_port()}",
                f"--webhook-addr=127.0.0.1:{free_port()}",
            ],
        )
        return server, port

    def _server(self, name, words):
        """Return a server whose temporary files, settings of git and role are its own."""
        home = self.folder / name
        home.mkdir()
        # The repositories belong to whoever runs the tests, and git asks who that is.
        (home / ".gitconfig").write_text("[safe]\n\tdirectory = *\n")
        tools = [str(Path(_program(tool)).parent) for tool in _TOOLS]
        environment = {
            "PATH": os.pathsep.join([*tools, os.environ.get("PATH", os.defpath)]),
            "HOME": str(home),
            "TMPDIR": str(home),
            "ARGOCD_BINARY_NAME": name,
            "ARGOCD_GPG_ENABLED": "false",
            # Part of the controller of sets does not look at its flag.
            "KUBECONFIG": str(self.folder / "kubeconfig"),
            "ARGOCD_TLS_DATA_PATH": str(self.folder / "tls"),
            "ARGOCD_ASK_PASS_SOCK": str(home / "ask-pass.sock"),
        }
        log = self.folder / f"{name}.log"
        return Server(words, log=log, environment=environment, folder=home)


# What Argo CD calls; git calls Argo CD back for passwords.
_TOOLS = ("kustomize", "helm", "git", "argocd")
# What Argo CD makes of the default project on its first start: everything is allowed.
_OPEN_PROJECT = {
    "sourceRepos": ["*"],
    "destinations": [{"server": "*", "namespace": "*"}],
    "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
}


def _program(name):
    program = find_program(name)
    assert program, f"{name} is not here: make lab"
    return program
