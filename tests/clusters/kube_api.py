"""A Kubernetes API server with its etcd, for tests and benchmarks.

A plain helper: start, prepare objects as the administrator, write a kubeconfig for some user, count
the requests of each user in the audit log, restart in place, stop. RBAC is on. Everything lives in
one temporary folder and on free ports; each process is ended by its id.
"""

import base64
import json
import os
import secrets
import signal
import time
import urllib.request
from collections import Counter
from pathlib import Path

import trustme

from clusters.objects import Objects
from clusters.processes import Server, free_port, memory_folder, remove_folder
from lab import find_program
from lab_go import find_go_part, part_folder

READY_S = 60.0
ADMIN = "admin"
ISSUER = "https://kubernetes.default.svc"
TOKEN_LIFE_S = 3600
# Everything but what the server asks itself; a line when a watch starts, and when anything ends.
_AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "None", "users": ["system:apiserver"]}, {"level": "Metadata"}],
}


class KubeApiServer:
    """Use as a context manager.

    users: name → groups, each gets a token. flags: more flags of kube-apiserver.
    """

    def __init__(self, *, users=None, flags=()):
        self.folder = memory_folder("kubernetes-")
        self.port = free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        self.ca_file = self.folder / "ca.pem"
        self.audit_log = self.folder / "audit.log"
        self.ready_after_s = 0.0
        self._groups = {ADMIN: ["system:masters"], **(users or {})}
        self._tokens = {user: secrets.token_hex(16) for user in self._groups}
        self._etcd_port = free_port()
        self._etcd = self._etcd_server()
        self._server = self._api_server(flags)
        self.objects = None  # the administrator's, from the start to the end

    def __enter__(self):
        started = time.monotonic()
        self._write_files()
        self.objects = self.objects_as(ADMIN)
        try:
            self._etcd.start()
            self.start()
        except BaseException:
            self.close()
            raise
        self.ready_after_s = time.monotonic() - started
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """End both servers and remove everything."""
        self.stop()
        self._etcd.stop()
        remove_folder(self.folder)

    def start(self):
        """Start the API server on its port and wait until it is ready."""
        self._server.start()
        self._server.wait_until(self.objects.server_is_ready, limit_s=READY_S)

    def stop(self, *, by=signal.SIGKILL):
        """End the API server; etcd keeps the data."""
        if self.objects:
            self.objects.close()
        self._server.stop(by=by)

    def restart(self, *, by=signal.SIGKILL):
        """End the API server and start it again in place; return how long it was away."""
        began = time.monotonic()
        self.stop(by=by)
        self.start()
        return time.monotonic() - began

    def compact(self, revision):
        """Have etcd forget what was before a revision, such as the version of an object."""
        body = json.dumps({"revision": revision, "physical": True}).encode()
        url = f"http://127.0.0.1:{self._etcd_port}/v3/kv/compaction"
        with urllib.request.urlopen(url, data=body, timeout=READY_S) as answer:
            assert answer.status == 200

    @property
    def pid(self):
        return self._server.pid

    def install_crds(self, *names):
        """Have the kinds of Argo CD: ``application``, ``appproject``, ``applicationset``."""
        for name in names or ("application", "appproject"):
            self.objects.apply(crds_folder() / f"{name}-crd.yaml")

    def token(self, user=ADMIN):
        """Return the token of a user."""
        return self._tokens[user]

    def service_account_token(self, namespace, name):
        """Have the server issue a token for a service account, as a Pod would get it."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": TOKEN_LIFE_S},
        }
        return self.objects.request("POST", path, body=request)["status"]["token"]

    def objects_as(self, user=ADMIN, *, token=""):
        """Return the client of a user, or of whom the token is for."""
        return Objects(self.port, token=token or self.token(user), ca_file=self.ca_file)

    def kubeconfig(self, user=ADMIN, *, token="", namespace="default", path=None):
        """Write a kubeconfig for a user, or for whom the token is for; return the file."""
        file = Path(path) if path else self.folder / f"kubeconfig-{user.replace(':', '-')}"
        authority = base64.b64encode(self.ca_file.read_bytes()).decode()
        cluster = {"server": self.url, "certificate-authority-data": authority}
        context = {"cluster": "lab", "user": user, "namespace": namespace}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "lab", "cluster": cluster}],
            "users": [{"name": user, "user": {"token": token or self.token(user)}}],
            "contexts": [{"name": "lab", "context": context}],
            "current-context": "lab",
        }
        whole = file.with_name(f"{file.name}.new")  # others may be reading the one that is there
        whole.write_text(json.dumps(config))  # JSON is YAML
        whole.chmod(0o600)
        whole.replace(file)
        return file

    def requests(self, user=None):
        """Return the audit events of a user so far, one for each request, in order of their end.

        A watch is there from its start. The last line is written before the answer is sent.
        """
        events = {}
        for line in self.audit_log.read_text().splitlines():
            event = json.loads(line)
            if user is None or event["user"]["username"] == user:
                events[event["auditID"]] = event
        return list(events.values())

    def request_counts(self, user=None):
        """Count the requests of a user by (verb, resource); a subresource is ``pods/status``.

        What is no object (discovery, health) counts under its path.
        """
        return Counter((event["verb"], _resource_of(event)) for event in self.requests(user))

    def forget_requests(self):
        """Begin to count anew (the server appends, so the file can be emptied under it)."""
        os.truncate(self.audit_log, 0)

    def _write_files(self):
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(self.ca_file))
        certificate = authority.issue_cert("127.0.0.1", "localhost")
        certificate.cert_chain_pems[0].write_to_path(str(self.folder / "server.crt"))
        certificate.private_key_pem.write_to_path(str(self.folder / "server.key"))
        (self.folder / "audit-policy.json").write_text(json.dumps(_AUDIT_POLICY))
        self.audit_log.touch()
        lines = [
            f'{self._tokens[user]},{user},{user},"{",".join(groups)}"'
            for user, groups in self._groups.items()
        ]
        (self.folder / "tokens.csv").write_text("\n".join(lines) + "\n")

    def _etcd_server(self):
        peer = f"http://127.0.0.1:{free_port()}"
        client = f"http://127.0.0.1:{self._etcd_port}"
        return Server(
            [
                _program("etcd"),
                "--name=lab",
                f"--data-dir={self.folder / 'etcd'}",
                f"--listen-client-urls={client}",
                f"--advertise-client-urls={client}",
                f"--listen-peer-urls={peer}",
                f"--initial-advertise-peer-urls={peer}",
                f"--initial-cluster=lab={peer}",
                # It elects itself; there is nobody to wait for.
                "--heartbeat-interval=20",
                "--election-timeout=200",
            ],
            log=self.folder / "etcd.log",
            folder=self.folder,
        )

    def _api_server(self, flags):
        key = self.folder / "server.key"
        return Server(
            [
                _program("kube-apiserver"),
                f"--etcd-servers=http://127.0.0.1:{self._etcd_port}",
                f"--cert-dir={self.folder}",
                f"--tls-cert-file={self.folder / 'server.crt'}",
                f"--tls-private-key-file={key}",
                f"--secure-port={self.port}",
                "--bind-address=127.0.0.1",
                f"--service-account-key-file={key}",
                f"--service-account-signing-key-file={key}",
                f"--service-account-issuer={ISSUER}",
                f"--token-auth-file={self.folder / 'tokens.csv'}",
                "--authorization-mode=RBAC",
                "--service-cluster-ip-range=10.0.0.0/24",
                # Pods get no token volume, and need no service account: nobody runs them.
                "--disable-admission-plugins=ServiceAccount",
                f"--audit-policy-file={self.folder / 'audit-policy.json'}",
                f"--audit-log-path={self.audit_log}",
                *flags,
            ],
            log=self.folder / "kube-apiserver.log",
            folder=self.folder,
        )


def crds_folder():
    """Return the folder with Argo CD's own CRDs."""
    folder = part_folder(find_go_part("argocd")) / "crds"
    assert folder.is_dir(), "the CRDs of Argo CD are not here: make lab"
    return folder


def _program(name):
    program = find_program(name)
    assert program, f"{name} is not here: make lab"
    return program


def _resource_of(event):
    about = event.get("objectRef") or {}
    if "resource" not in about:
        return event["requestURI"].partition("?")[0]
    return "/".join(filter(None, (about["resource"], about.get("subresource"))))
