"""The chain of credentials as a process walks it: ambient identity of a cloud, logins of Docker."""

import base64
import json
import os
import subprocess
import sys

import pytest
import trustme
import yaml

from registries.cloud_services import (
    ECR_TOKEN,
    GOOGLE_TOKEN,
    LOGINS,
    POD_TOKEN,
    ROLE,
    SECRETS,
    CloudServices,
)
from registries.connect_proxy import ConnectProxy
from registries.distribution import DistributionRegistry, basic_header

pytestmark = pytest.mark.lab("docker-registry")

ENTRY = "from argocd_image_updater.cli.main import entry; entry()"
ECR = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
GOOGLE = "europe-west1-docker.pkg.dev"


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def registry(authority, tmp_path_factory):
    """One registry under the names of two clouds, which accepts their tokens and nothing else."""
    folder = tmp_path_factory.mktemp("cloud")
    (folder / "htpasswd").write_text("\n".join(LOGINS) + "\n")
    leaf = authority.issue_cert(ECR, GOOGLE)
    leaf.private_key_pem.write_to_path(str(folder / "key.pem"))
    leaf.cert_chain_pems[0].write_to_path(str(folder / "certificate.pem"))
    with DistributionRegistry(
        auth={"htpasswd": {"realm": "cloud", "path": str(folder / "htpasswd")}},
        tls=(folder / "certificate.pem", folder / "key.pem"),
        push_authorization=basic_header("AWS", ECR_TOKEN),
    ) as running:
        running.push_image("team/app", "1.2.3")
        yield running


@pytest.fixture
def proxy(registry):
    with ConnectProxy(registry.port) as running:
        yield running


@pytest.fixture
def services():
    with CloudServices() as running:
        yield running


@pytest.fixture
def look_up(tmp_path, authority, proxy):
    """Return a function that runs ``test`` for an image of a cloud, without configured credentials.

    The certificates are the only thing that is said about the registry.
    """

    def run(host, *words, **environ):
        entry = {
            "name": host,
            "prefix": host,
            "api_url": f"https://{host}",
            "ca_data": authority.cert_pem.bytes().decode(),
        }
        conf = tmp_path / "registries.conf"
        conf.write_text(yaml.safe_dump({"registries": [entry]}))
        done = subprocess.run(
            [
                *(sys.executable, "-c", ENTRY, "test", f"{host}/team/app", "--loglevel=trace"),
                *(f"--registries-conf-path={conf}", *words),
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(tmp_path),
                "LC_ALL": "C.UTF-8",
                "HTTPS_PROXY": proxy.url,
                "NO_PROXY": "127.0.0.1",
                "PYTHONWARNINGS": "error::DeprecationWarning:argocd_image_updater",
                **environ,
            },
            stdin=subprocess.DEVNULL,
        )
        said = done.stdout + done.stderr
        assert not [secret for secret in SECRETS | {POD_TOKEN} if secret in said]
        return done

    return run


def web_identity(tmp_path, services):
    token = tmp_path / "token"
    token.write_text(POD_TOKEN)
    return {
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(token),
        "AWS_ROLE_ARN": ROLE,
        "AWS_ENDPOINT_URL_STS": services.url,
        "AWS_ENDPOINT_URL_ECR": services.url,
    }


def test_a_registry_of_aws_gets_the_identity_of_the_pod(look_up, services, proxy, tmp_path):
    done = look_up(ECR, "--cloud-identities=aws", **web_identity(tmp_path, services))
    assert (done.returncode, done.stdout.strip()) == (0, f"{ECR}/team/app:1.2.3"), done.stderr
    assert services.asked == ["sts", "ecr eu-west-1"]
    assert set(proxy.names) == {f"{ECR}:443"}


def test_a_registry_of_google_gets_the_token_of_the_metadata_server(look_up, services, proxy):
    done = look_up(
        GOOGLE,
        "--cloud-identities=aws,gcp",
        GCE_METADATA_HOST=services.host,
        GCE_METADATA_IP=services.host,
    )
    assert (done.returncode, done.stdout.strip()) == (0, f"{GOOGLE}/team/app:1.2.3"), done.stderr
    assert services.asked[-1] == "google-metadata-token"
    assert set(proxy.names) == {f"{GOOGLE}:443"}


def test_a_cloud_that_nobody_switched_on_gives_nothing(look_up, services, tmp_path):
    done = look_up(ECR, "--cloud-identities=gcp", **web_identity(tmp_path, services))
    assert done.returncode != 0
    assert "credentials from anonymous have none" in done.stderr
    assert services.asked == []


def test_an_identity_that_is_refused_ends_the_question(look_up, services, tmp_path):
    services.refuse = {"ecr eu-west-1"}
    docker = tmp_path / ".docker"
    docker.mkdir()
    login = base64.b64encode(f"AWS:{ECR_TOKEN}".encode()).decode()
    (docker / "config.json").write_text(json.dumps({"auths": {ECR: {"auth": login}}}))
    identity = web_identity(tmp_path, services)
    done = look_up(ECR, "--cloud-identities=aws", "--docker-config=on", **identity)
    assert done.returncode != 0
    assert f"identity for registry {ECR} (aws:auto by --cloud-identities)" in done.stderr
    assert "allow ecr:GetAuthorizationToken to the role" in done.stderr


def test_the_login_of_docker_is_used_where_it_is_switched_on(look_up, tmp_path):
    helpers = tmp_path / "bin"
    helpers.mkdir()
    document = {"ServerURL": GOOGLE, "Username": "oauth2accesstoken", "Secret": GOOGLE_TOKEN}
    helper = helpers / "docker-credential-gcloud"
    helper.write_text(f"#!/bin/sh\ncat > {tmp_path}/asked\necho '{json.dumps(document)}'\n")
    helper.chmod(0o755)
    docker = tmp_path / "docker"
    docker.mkdir()
    (docker / "config.json").write_text(json.dumps({"credHelpers": {GOOGLE: "gcloud"}}))
    environ = {"DOCKER_CONFIG": str(docker), "PATH": f"{helpers}:{os.environ['PATH']}"}
    done = look_up(GOOGLE, **environ)
    assert done.returncode != 0
    assert not (tmp_path / "asked").exists()
    done = look_up(GOOGLE, "--docker-config=on", **environ)
    assert (done.returncode, done.stdout.strip()) == (0, f"{GOOGLE}/team/app:1.2.3"), done.stderr
    assert (tmp_path / "asked").read_text() == GOOGLE
