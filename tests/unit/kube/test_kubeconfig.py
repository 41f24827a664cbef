"""Kubeconfigs and the files of a Pod: who we are, in which order it is found out."""

import base64
import os
from pathlib import Path

import pytest
import yaml

from argocd_image_updater.errors import ConfigError
from argocd_image_updater.kube.config import load_access

PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
KEY = "-----BEGIN PRIVATE KEY-----\nhidden\n-----END PRIVATE KEY-----\n"


def encoded(text):
    return base64.b64encode(text.encode()).decode()


def a_config(*, cluster=None, user=None, namespace="apps", current="here"):
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": current,
        "clusters": [{"name": "c", "cluster": {"server": "https://k.example/", **(cluster or {})}}],
        "users": [{"name": "u", "user": user or {}}],
        "contexts": [
            {"name": "here", "context": {"cluster": "c", "user": "u", "namespace": namespace}}
        ],
    }


@pytest.fixture
def write(tmp_path):
    def write(content, name="config"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
        return str(file)

    return write


async def test_a_context_names_cluster_user_and_namespace(write):
    file = write(a_config(user={"token": "hidden"}))
    access = await load_access({}, kubeconfig=file)
    assert access.cluster.server == "https://k.example"
    assert access.user.token == "hidden"
    assert access.namespace == "apps"
    assert "hidden" not in repr(access)


async def test_data_wins_over_files_and_files_stand_beside_the_kubeconfig(write):
    write(PEM, "pki/ca.pem")
    write(PEM, "pki/client.pem")
    write(KEY, "pki/client.key")
    user = {"client-certificate": "pki/client.pem", "client-key": "pki/client.key"}
    file = write(a_config(cluster={"certificate-authority": "pki/ca.pem"}, user=user))
    access = await load_access({}, kubeconfig=file)
    assert access.cluster.ca_pem == PEM
    assert (access.user.certificate_pem, access.user.key_pem) == (PEM, KEY)
    assert access.user.certificate_file == Path(file).parent / "pki/client.pem"
    assert access.user.key_file == Path(file).parent / "pki/client.key"
    cluster = {
        "certificate-authority": "pki/none.pem",
        "certificate-authority-data": encoded("-----other"),
    }
    access = await load_access({}, kubeconfig=write(a_config(cluster=cluster)))
    assert access.cluster.ca_pem == "-----other"


async def test_settings_of_the_connection_are_read(write):
    cluster = {
        "insecure-skip-tls-verify": True,
        "tls-server-name": "api.example",
        "proxy-url": "http://user:hidden@proxy.example:3128",
    }
    user = {
        "username": "me",
        "password": "hidden",
        "as": "robot",
        "as-groups": ["a", "b"],
        "as-uid": "7",
    }
    access = await load_access({}, kubeconfig=write(a_config(cluster=cluster, user=user)))
    assert access.cluster.insecure
    assert access.cluster.tls_server_name == "api.example"
    assert access.cluster.proxy_url == "http://user:hidden@proxy.example:3128"
    assert (access.user.username, access.user.password) == ("me", "hidden")
    assert access.user.impersonation.groups == ("a", "b")
    assert "hidden" not in repr(access)


async def test_a_plugin_is_a_name_on_path_or_stands_beside_the_kubeconfig(write, tmp_path):
    def plugin(command):
        return {
            "exec": {
                "apiVersion": "client.authentication.k8s.io/v1",
                "command": command,
                "args": ["--role", "x"],
                "env": [{"name": "A", "value": "b"}],
                "provideClusterInfo": True,
                "interactiveMode": "IfAvailable",
                "installHint": "get it",
            }
        }

    access = await load_access({}, kubeconfig=write(a_config(user=plugin("cloud-auth"))))
    found = access.user.plugin
    assert (found.command, found.arguments) == ("cloud-auth", ("--role", "x"))
    assert found.environment == {"A": "b"}
    assert found.wants_cluster
    access = await load_access({}, kubeconfig=write(a_config(user=plugin("bin/auth"))))
    assert access.user.plugin.command == str(tmp_path / "bin" / "auth")


async def test_several_files_are_one_and_the_first_that_names_a_thing_wins(write):
    first = a_config(user={"username": "first"}, current="")
    second = a_config(user={"username": "second", "token": "of the second"}, namespace="other")
    environment = {"KUBECONFIG": os.pathsep.join([write(first, "a"), "/none", write(second, "b")])}
    access = await load_access(environment)
    assert access.user.username == "first"
    assert access.user.token == ""  # nothing of the second user is mixed in
    assert access.namespace == "apps"


@pytest.fixture
def service_account(tmp_path):
    folder = tmp_path / "serviceaccount"
    folder.mkdir()
    (folder / "token").write_text("hidden")
    (folder / "ca.crt").write_text(PEM)
    (folder / "namespace").write_text("updater\n")
    return folder


POD = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}


async def test_a_pod_uses_its_service_account(service_account):
    access = await load_access(POD, service_account=service_account)
    assert access.cluster.server == "https://[fd00::1]:443"
    assert access.cluster.ca_pem == PEM
    assert access.user.token_file == service_account / "token"
    assert access.namespace == "updater"
    access = await load_access(POD | {"POD_NAMESPACE": "mine"}, service_account=service_account)
    assert access.namespace == "mine"


async def test_the_order_is_flag_variable_pod_home(write, service_account, tmp_path):
    def named(name):
        return a_config(cluster={"server": f"https://{name}.example"})

    flag, variable = write(named("flag"), "flag"), write(named("variable"), "variable")
    write(named("home"), ".kube/config")
    environment = {**POD, "KUBECONFIG": variable, "HOME": str(tmp_path)}

    async def server(**options):
        return (await load_access(environment, service_account=service_account, **options)).cluster

    assert (await server(kubeconfig=flag)).server == "https://flag.example"
    assert (await server()).server == "https://variable.example"
    del environment["KUBECONFIG"]
    assert (await server()).server == "https://[fd00::1]:443"
    del environment["KUBERNETES_SERVICE_HOST"]
    assert (await server()).server == "https://home.example"
    environment["HOME"] = "/nowhere"
    with pytest.raises(ConfigError, match="--kubeconfig"):
        await server()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "no valid YAML"),
        ("- 1", "is wrong"),
        (a_config(user={"token": 5}), r"\$\.users\[0\]\.user\.token"),
        (a_config(current=""), "no current-context"),
        (a_config(current="other"), "'other' is not among"),
        (a_config(cluster={"server": "k.example"}), "must be a URL"),
        (a_config(cluster={"proxy-url": "socks5://p"}), "proxy-url"),
        (a_config(cluster={"certificate-authority-data": "?hidden"}), "no base64"),
        (a_config(cluster={"certificate-authority": "none"}), "cannot be read"),
        (a_config(user={"client-certificate-data": encoded(PEM)}), "go together"),
        (a_config(user={"auth-provider": {"name": "gcp"}}), "use an exec plugin"),
        (a_config(user={"exec": {"command": "x", "apiVersion": "v0"}}), "is not known"),
        (
            a_config(
                user={
                    "exec": {
                        "command": "x",
                        "apiVersion": "client.authentication.k8s.io/v1",
                        "interactiveMode": "Always",
                    }
                }
            ),
            "terminal",
        ),
        (a_config(user={"as-user-extra": {"a": ["b"]}}), "not supported"),
    ],
)
async def test_a_wrong_kubeconfig_is_refused_with_file_and_field(write, tmp_path, content, message):
    file = write(content)
    with pytest.raises(ConfigError, match=message) as refusal:
        await load_access({}, kubeconfig=file)
    assert str(tmp_path) in str(refusal.value)
    assert "hidden" not in str(refusal.value)


async def test_a_file_that_is_named_must_exist():
    with pytest.raises(ConfigError, match="cannot be read"):
        await load_access({}, kubeconfig="/none/config")
    with pytest.raises(ConfigError, match="none of its files"):
        await load_access({"KUBECONFIG": "/none/a:/none/b"})
