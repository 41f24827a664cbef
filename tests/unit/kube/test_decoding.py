"""Objects of the API become what the same manifest in a folder becomes."""

import dataclasses
import json

import pytest
import yaml

from argocd_image_updater.core.application import ObjectKey, Origin
from argocd_image_updater.kube.decoding import decode_application_object, decode_resource_object
from argocd_image_updater.manifests.store import read_snapshot
from clusters.samples import an_application, an_image_updater


def in_a_folder(tmp_path, document):
    (tmp_path / "manifest.yaml").write_text(yaml.safe_dump(document))
    return read_snapshot([tmp_path])


def in_the_cluster(decode, document):
    return decode(json.dumps(document).encode())


def placeless(value):
    return dataclasses.replace(value, origin=Origin())


def test_an_application_is_the_same_in_the_cluster_and_in_a_folder(tmp_path):
    document = an_application("web", "apps", padding=500)
    document["metadata"]["labels"] = {"team": "a"}
    document["spec"]["source"]["helm"] = {"parameters": [{"name": "tag", "value": "1"}]}
    (expected,) = in_a_folder(tmp_path, document).applications
    found = in_the_cluster(decode_application_object, document)
    assert found.value == placeless(expected)
    assert found.key == ObjectKey("apps", "web")


def test_a_resource_is_the_same_in_the_cluster_and_in_a_folder(tmp_path):
    document = an_image_updater("all", "apps")
    (expected,) = in_a_folder(tmp_path, document).resources
    document["status"] = {"observedGeneration": 3}
    document["metadata"]["finalizers"] = ["example.org/f"]
    found = in_the_cluster(decode_resource_object, document)
    assert found.value == placeless(expected)
    assert found.status == {"observedGeneration": 3}
    assert found.finalizers == ("example.org/f",)


@pytest.mark.parametrize(
    ("part", "value", "field"),
    [
        ("spec", "text", "spec"),
        ("status", [], "status"),
        ("spec", {"source": {"repoURL": 5}}, "spec.source.repoURL"),
        ("status", {"summary": {"images": "nginx"}}, "status.summary.images"),
    ],
)
def test_a_field_of_a_wrong_type_is_named_in_both(tmp_path, part, value, field):
    document = an_application("web", "apps") | {part: value}
    folder = in_a_folder(tmp_path, document)
    found = in_the_cluster(decode_application_object, document)
    assert found.value is None
    assert [problem.field_path for problem in found.problems] == [field]
    assert [problem.field_path for problem in folder.problems] == [field]


def test_a_resource_without_a_spec_is_a_problem_of_that_resource():
    document = an_image_updater("all", "apps")
    del document["spec"]
    found = in_the_cluster(decode_resource_object, document)
    assert found.value is None
    assert found.problems[0].resource == ObjectKey("apps", "all")


def test_what_kubectl_keeps_of_a_manifest_is_not_kept_again():
    document = an_application("web", "apps")
    last = "kubectl.kubernetes.io/last-applied-configuration"
    document["metadata"]["annotations"] = {last: "x" * 1000, "mine": "yes"}
    found = in_the_cluster(decode_application_object, document)
    assert found.value.annotations == {"mine": "yes"}
