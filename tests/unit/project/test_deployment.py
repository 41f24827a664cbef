"""The shipped Deployment and chart agree with the flags, with the tables of the page, and alike."""

import json
import re
from pathlib import Path

import pytest
import yaml

import install
from argocd_image_updater import __version__
from argocd_image_updater.cli.arguments import put_command_first
from argocd_image_updater.cli.flag import RUN
from argocd_image_updater.cli.flags import BY_NAME, FLAGS
from argocd_image_updater.cli.parser import FlagCommand
from argocd_image_updater.registry.certificates import CA_DIRECTORIES

DEPLOY = Path(install.DEPLOY)
PAGE = (DEPLOY.parent / "docs" / "install.md").read_text()
CHART = yaml.safe_load((DEPLOY / "chart/argocd-image-updater/Chart.yaml").read_text())
TEMPLATES = DEPLOY / "chart" / "argocd-image-updater" / "templates"
SCHEMA = json.loads((DEPLOY / "chart/argocd-image-updater/values.schema.json").read_text())
# Read by the command that receives webhooks in a Deployment of its own; not a flag of `run`.
OF_THE_WEBHOOK_COMMAND = {"MAX_CONCURRENT_UPDATERS"}


def pod(path="install.yaml"):
    documents = yaml.safe_load_all((DEPLOY / path).read_text())
    (deployment,) = (found for found in documents if found and found["kind"] == "Deployment")
    return deployment["spec"]["template"]["spec"]


def container(path="install.yaml"):
    (found,) = pod(path)["containers"]
    return found


def variables(source):
    """Variable → key, for those that come from the ConfigMap or from the Secret."""
    return {
        entry["name"]: entry["valueFrom"][source]["key"]
        for entry in container()["env"]
        if source in entry["valueFrom"]
    }


SETTINGS = variables("configMapKeyRef")
SECRETS = variables("secretKeyRef")


@pytest.mark.lab("kustomize")
def test_what_is_made_of_other_files_is_current():
    assert install.outdated() == [], "run tools/install.py"


def test_every_variable_of_the_deployment_is_one_of_a_flag_and_the_reverse():
    known = {flag.env for flag in FLAGS if flag.env and RUN in flag.commands}
    assert set(SETTINGS) | set(SECRETS) == known | OF_THE_WEBHOOK_COMMAND


def test_secrets_come_from_the_secret_and_everything_else_from_the_config_map():
    assert {name.endswith("_SECRET") for name in SECRETS} == {True}
    public = {name for name in SETTINGS if name.endswith("_SECRET")}
    assert public == {"WEBHOOK_REQUIRE_SECRET"}


def test_nothing_has_to_be_there_for_the_pod_to_start():
    sources = [source for entry in container()["env"] for source in entry["valueFrom"].values()]
    assert all(source["optional"] for source in sources)
    names = {source["name"] for source in sources}
    assert names == {"argocd-image-updater-config", "argocd-image-updater-secret"}
    for volume in pod()["volumes"]:
        assert volume.get("configMap", volume.get("secret", {"optional": True}))["optional"]


def test_certificates_of_argo_cd_lie_where_registries_look_for_them():
    """In a place of its own: where the Secret of the webhook is mounted, nothing else can be."""
    mounted = {mount["mountPath"]: mount["name"] for mount in container()["volumeMounts"]}
    names = {volume["name"]: volume.get("configMap", {}).get("name") for volume in pod()["volumes"]}
    places = {names.get(mounted.get(str(folder))) for folder in CA_DIRECTORIES}
    assert "argocd-tls-certs-cm" in places


@pytest.mark.parametrize(
    "arguments",
    [
        container()["args"],
        [*container()["args"], "--watch-namespaces=*"],
        [*container()["args"], "--shards=3"],
        [*container()["args"], "--workload-pull-secrets"],
    ],
)
def test_the_arguments_are_understood(arguments):
    words = put_command_first(arguments, BY_NAME)
    assert words[0] == RUN
    seen = FlagCommand(RUN, lambda **_: 0).make_context(RUN, words[1:]).params
    assert seen["metrics_bind_address"] == ":8443"


def test_overlays_add_only_arguments_that_are_tried_above():
    patches = (DEPLOY / "kustomize").rglob("components/*/kustomization.yaml")
    added = {word for file in patches for word in re.findall(r"value: (--\S+)", file.read_text())}
    assert added == {"--watch-namespaces=*", "--shards=3", "--workload-pull-secrets"}


@pytest.mark.parametrize(
    ("name", "rows"), [("configVariables", SETTINGS), ("secretVariables", SECRETS)]
)
def test_the_chart_has_the_same_variables(name, rows):
    text = (TEMPLATES / "_variables.tpl").read_text()
    block = re.search(
        rf'define "argocd-image-updater\.{name}" -}}}}\n(.*?)\n{{{{- end', text, re.DOTALL
    )
    assert dict(line.split() for line in block[1].splitlines()) == rows


def test_the_chart_takes_every_key_of_the_config_map():
    keys = {*SETTINGS.values(), "registries.conf", "git.commit-message-template"}
    assert keys <= set(SCHEMA["properties"]["config"]["properties"])
    # The number of shards is a value of its own, because rights belong to it.
    assert SCHEMA["properties"]["config"]["properties"]["shards"]["not"] == {}


def test_the_schema_knows_every_value_and_no_other():
    def compare(values, schema, path):
        known = schema.get("properties")
        if known is None or schema.get("additionalProperties") is not False:
            return
        for name in values:
            assert name in known, f"{path}.{name}"
            if isinstance(values[name], dict):
                compare(values[name], known[name], f"{path}.{name}")

    values = yaml.safe_load((DEPLOY / "chart/argocd-image-updater/values.yaml").read_text())
    compare(values, SCHEMA, "")
    assert set(SCHEMA["properties"]) - {"global"} == set(values)


def test_the_page_has_a_row_for_every_key():
    for variable, key in (SETTINGS | SECRETS).items():
        assert re.search(rf"^\| `{re.escape(key)}` \| `{variable}` \|", PAGE, re.MULTILINE), key


def test_versions_are_that_of_the_program():
    assert CHART["version"] == CHART["appVersion"] == __version__
    assert container()["image"].endswith(f":{__version__}")


def rules(path):
    documents = yaml.safe_load_all((DEPLOY / "kustomize" / path).read_text())
    return next(found["rules"] for found in documents if found["kind"].endswith("Role"))


def test_the_role_for_all_namespaces_has_the_rules_of_that_for_one():
    assert rules("components/cluster-wide/cluster-role.yaml") == rules("manager-role/role.yaml")
