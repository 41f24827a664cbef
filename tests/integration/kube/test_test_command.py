"""The command ``test`` with credentials that stand in Secrets of a real API server."""

import base64
import json
import os
import subprocess

import pytest

from registries.distribution import (
    PASSWORD,
    USERNAME,
    DistributionRegistry,
    basic_header,
    htpasswd_auth,
)
from stages.program import PROGRAM

pytestmark = pytest.mark.lab("etcd", "kube-apiserver", "argocd", "docker-registry")

LOGIN = f"{USERNAME}:{PASSWORD}"


@pytest.fixture(scope="module")
def closed(tmp_path_factory):
    """A registry behind a password."""
    auth = htpasswd_auth(tmp_path_factory.mktemp("auth"))
    header = basic_header(USERNAME, PASSWORD)
    with DistributionRegistry(auth=auth, push_authorization=header) as running:
        running.push_tags("acme/web", ["1.0.0", "1.1.0"])
        yield running


@pytest.fixture
def test(closed, tmp_path):
    """Return a function that tests the image of the closed registry."""
    conf = tmp_path / "registries.conf"
    entry = {"name": "closed", "prefix": closed.host, "api_url": closed.url}
    conf.write_text(json.dumps({"registries": [entry]}))  # JSON is YAML

    def run(*words, **environ):
        return subprocess.run(
            [
                PROGRAM,
                "test",
                f"{closed.host}/acme/web",
                f"--registries-conf-path={conf}",
                "--loglevel=info",
                *words,
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), **environ},
            stdin=subprocess.DEVNULL,
        )

    return run


def a_secret(name, namespace, fields):
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
        "stringData": fields,
    }


def docker_config(host):
    auth = base64.b64encode(LOGIN.encode()).decode()
    return json.dumps({"auths": {host: {"auth": auth}}})


def test_credentials_of_a_secret_in_any_namespace_are_read(api, namespace, closed, test):
    api.objects.create(a_secret("login", namespace, {"user": LOGIN}))
    pull = {".dockerconfigjson": docker_config(closed.host)}
    api.objects.create(a_secret("pull", namespace, pull))
    expected = f"{closed.host}/acme/web:1.1.0\n"
    file = api.kubeconfig()
    for reference in (f"secret:{namespace}/login#user", f"pullsecret:{namespace}/pull"):
        done = test(f"--credentials={reference}", f"--kubeconfig={file}")
        assert (done.returncode, done.stdout) == (0, expected), done.stderr
        assert LOGIN not in done.stderr
    done = test(f"--credentials=secret:{namespace}/login#user", KUBECONFIG=str(file))
    assert (done.returncode, done.stdout) == (0, expected), done.stderr


def test_a_secret_or_field_that_is_not_there_ends_with_one(api, namespace, test):
    api.objects.create(a_secret("login", namespace, {"user": LOGIN}))
    kubeconfig = f"--kubeconfig={api.kubeconfig()}"
    done = test(f"--credentials=secret:{namespace}/none#user", kubeconfig)
    assert done.returncode == 1
    assert "the Secret does not exist" in done.stderr
    done = test(f"--credentials=secret:{namespace}/login#none", kubeconfig)
    assert done.returncode == 1
    assert "has no field 'none'" in done.stderr


def test_a_missing_right_ends_with_one_and_is_named(api, namespace, test):
    api.objects.create(a_secret("login", namespace, {"user": LOGIN}))
    file = api.kubeconfig("updater")
    done = test(f"--credentials=secret:{namespace}/login#user", f"--kubeconfig={file}")
    assert (done.returncode, done.stdout) == (1, "")
    assert "cannot get resource" in done.stderr
    assert "reason=CredentialsUnavailable" in done.stderr


def test_without_a_secret_neither_cluster_nor_kubeconfig_is_touched(api, closed, test):
    api.forget_requests()
    done = test("--credentials=env:LOGIN", f"--kubeconfig={api.kubeconfig('reader')}", LOGIN=LOGIN)
    assert (done.returncode, done.stdout) == (0, f"{closed.host}/acme/web:1.1.0\n")
    assert api.request_counts("reader") == {}
    done = test("--credentials=env:LOGIN", "--kubeconfig=/not/there", LOGIN=LOGIN)
    assert done.returncode == 0


def test_a_kubeconfig_that_is_needed_and_not_there_ends_with_one(test):
    done = test("--credentials=secret:a/b#c", "--kubeconfig=/not/there")
    assert (done.returncode, done.stdout) == (1, "")
    assert "/not/there" in done.stderr


def test_an_api_server_that_does_not_answer_ends_with_one(api, tmp_path, test):
    config = json.loads(api.kubeconfig().read_text())
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    file = tmp_path / "kubeconfig"
    file.write_text(json.dumps(config))
    done = test("--credentials=secret:a/b#c", f"--kubeconfig={file}")
    assert (done.returncode, done.stdout) == (1, "")
    assert "reason=CredentialsUnavailable" in done.stderr
