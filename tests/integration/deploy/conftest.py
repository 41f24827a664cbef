"""What is shipped for a cluster, on a real API server. No pod runs: there is no kubelet."""

import os
import subprocess

import pytest

from clusters.shipped import remove_cluster_wide
from lab import find_program

# What the Prometheus operator defines, as far as our object uses it; anything else is refused.
_TEXT = {"type": "string"}
_LABELS = {"type": "object", "additionalProperties": _TEXT}
_ENDPOINT = {
    "port": _TEXT,
    "scheme": {"type": "string", "enum": ["http", "https"]},
    "path": _TEXT,
    "interval": {"type": "string", "pattern": r"^\d+(ms|s|m|h)$"},
    "bearerTokenFile": _TEXT,
    "tlsConfig": {"type": "object", "properties": {"insecureSkipVerify": {"type": "boolean"}}},
}
_SPEC = {
    "selector": {"type": "object", "properties": {"matchLabels": _LABELS}},
    "namespaceSelector": {
        "type": "object",
        "properties": {"matchNames": {"type": "array", "items": _TEXT}},
    },
    "endpoints": {
        "type": "array",
        "items": {"type": "object", "required": ["port"], "properties": _ENDPOINT},
    },
}
_SCHEMA = {
    "type": "object",
    "required": ["spec"],
    "properties": {
        "spec": {"type": "object", "required": ["selector", "endpoints"], "properties": _SPEC}
    },
}
SERVICE_MONITORS = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "servicemonitors.monitoring.coreos.com"},
    "spec": {
        "group": "monitoring.coreos.com",
        "names": {
            "kind": "ServiceMonitor",
            "plural": "servicemonitors",
            "singular": "servicemonitor",
        },
        "scope": "Namespaced",
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": _SCHEMA},
            }
        ],
    },
}


@pytest.fixture(scope="package")
def server(api):
    """The API server with the kind that Prometheus' operator adds."""
    api.objects.apply(SERVICE_MONITORS)
    return api


@pytest.fixture
def kubectl(server, tmp_path_factory):
    """Return a function that runs kubectl as the administrator, and returns what it printed."""
    home = tmp_path_factory.mktemp("kubectl")
    config = server.kubeconfig()

    def run(*words, stdin=None):
        done = subprocess.run(
            [find_program("kubectl"), f"--kubeconfig={config}", *words],
            input=stdin,
            capture_output=True,
            check=False,
            text=True,
            env={"HOME": str(home), "PATH": os.environ["PATH"]},  # diff is on PATH
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture
def cleaning(server):
    """Return a list for applied objects; those that hold in the whole cluster are removed."""
    applied = []
    yield applied
    remove_cluster_wide(server, applied)
