from argocd_image_updater.core.application import EnvEntry, HelmParameter, Origin
from argocd_image_updater.core.applications import decode_application

PLACE = Origin("apps.yaml", 1, 7)


def decode(document, **options):
    return decode_application(document, origin=PLACE, **options)


def test_used_fields_are_read_and_all_others_passed_over():
    application, problems, warnings = decode(
        {
            "metadata": {
                "name": "web",
                "uid": "u",
                "resourceVersion": "7",
                "labels": {"a": "b"},
                "managedFields": [{"any": "thing"}],
                "deletionTimestamp": "2024-01-01T00:00:00Z",
            },
            "spec": {
                "project": "p",
                "sources": [
                    {
                        "repoURL": "r",
                        "chart": "c",
                        "helm": {"values": {"x": 1}, "valueFiles": ["v"]},
                    },
                    {"repoURL": "r", "ref": "values", "kustomize": {"images": ["a=b:1"]}},
                    {"plugin": {"env": [{"name": "A", "value": "1"}]}},
                    {"helm": {"parameters": [{"name": "n", "value": "v", "forceString": True}]}},
                ],
            },
            "status": {"sourceTypes": ["Helm"], "summary": {"images": ["nginx:1"]}, "health": 3},
            "operation": {"sync": {}},
        },
        default_namespace="argocd",
    )
    assert (problems, warnings) == ([], [])
    first, second, third, fourth = application.sources
    assert (first.helm_parameters, first.helm_value_files) == ((), ("v",))
    assert (second.kustomize_images, second.helm_parameters) == (("a=b:1",), None)
    assert third.plugin_env == (EnvEntry("A", "1"),)
    assert fourth.helm_parameters == (HelmParameter("n", "v", force_string=True),)
    assert str(application.key) == "argocd/web"
    assert application.deleting
    assert application.has_status
    assert application.live_images == ("nginx:1",)
    assert application.origin == PLACE


def test_an_empty_status_is_no_status():
    for status in (None, {}, {"health": {}}, {"sourceType": ""}):
        application, _, _ = decode({"metadata": {"name": "a"}, "status": status})
        assert not application.has_status


def test_a_wrong_type_in_a_used_field_is_named():
    application, problems, _ = decode(
        {"metadata": {"name": "web", "namespace": "n"}, "spec": {"sources": {"repoURL": "x"}}}
    )
    assert application is None
    [problem] = problems
    assert problem.field_path == "spec.sources"
    assert problem.application.name == "web"
    assert "apps.yaml:7" in problem.message


def test_an_annotation_that_is_no_text_is_told_and_left_out():
    application, problems, warnings = decode(
        {"metadata": {"name": "web", "annotations": {"a": True, "b": "x"}}}
    )
    assert problems == []
    assert application.annotations == {"b": "x"}
    assert "metadata.annotations.a" in warnings[0]


def test_a_document_without_name_is_a_problem():
    for document in ({}, {"metadata": {}}, {"metadata": None}, {"metadata": []}):
        application, problems, _ = decode(document)
        assert application is None
        assert problems
