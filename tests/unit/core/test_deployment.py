"""What Argo CD says of an Application is read from whatever stands in its status."""

import msgspec
import pytest

from argocd_image_updater.core.application import Origin
from argocd_image_updater.core.applications import decode_application
from argocd_image_updater.core.deployment import UNKNOWN_DEPLOYMENT, Deployment, read_deployment
from argocd_image_updater.kube.decoding import decode_application_object

STATUS = {
    "sync": {"status": "Synced", "revision": "c1"},
    "health": {"status": "Healthy"},
    "operationState": {
        "phase": "Succeeded",
        "message": "successfully synced",
        "syncResult": {"revision": "c1"},
    },
}
READ = Deployment("Synced", "Healthy", ("c1",), (), "Succeeded", "successfully synced", ("c1",))


def document(status):
    metadata = {"name": "shop", "namespace": "argocd"}
    return {"kind": "Application", "metadata": metadata, "spec": {}, "status": status}


def test_it_is_read():
    assert read_deployment(STATUS) == READ


def test_a_pause_between_two_attempts_is_told_apart():
    message = "no quota. Retrying attempt #3 at 3:21PM."
    operation = {"phase": "Running", "message": message, "finishedAt": "2026-11-24T12:01:00Z"}
    found = read_deployment({"operationState": operation})
    assert (found.is_retried, found.message) == (True, "no quota")
    assert not read_deployment({"operationState": {"phase": "Running"}}).is_retried
    ended = {"phase": "Failed", "finishedAt": "2026-11-24T12:01:00Z"}
    assert not read_deployment({"operationState": ended}).is_retried


def test_several_sources_have_several_revisions():
    several = {"sync": {"revisions": ["c1", "1.2.0"]}, "operationState": None}
    assert read_deployment(several) == Deployment(revisions=("c1", "1.2.0"))


def test_the_dry_source_has_its_own():
    hydrator = {"currentOperation": {"drySHA": "c2"}, "lastSuccessfulOperation": {"drySHA": "c1"}}
    assert read_deployment({"sourceHydrator": hydrator}).dry_revisions == ("c2", "c1")


@pytest.mark.parametrize(
    "status",
    [
        None,
        "text",
        [],
        {"sync": "Synced", "health": 1, "operationState": [], "sourceHydrator": "x"},
        {"sync": {"status": 1, "revision": {}, "revisions": [1, None, ""]}},
        {"operationState": {"syncResult": "c1", "phase": None, "message": 7}},
    ],
)
def test_what_has_another_type_is_absent_and_no_fault(status):
    assert read_deployment(status) == UNKNOWN_DEPLOYMENT
    if isinstance(status, dict):
        application, problems, warnings = decode_application(document(status), origin=Origin())
        assert application is not None
        assert (problems, warnings) == ([], [])


def test_texts_and_numbers_are_bounded():
    long = {
        "sync": {"revisions": ["c" * 1000] * 1000, "status": "S" * 1000},
        "operationState": {"message": "a\nb\x00" * 1000},
    }
    found = read_deployment(long)
    assert len(found.revisions) == len(found.revisions[0]) == len(found.sync_status) == 64
    assert len(found.message) <= 120
    assert found.message.isprintable()


@pytest.mark.parametrize("extra", [{}, {"sync": {"status": "Synced", "comparedTo": {"a": 1}}}])
def test_an_object_of_the_api_gives_the_same(extra):
    status = STATUS | extra
    found = decode_application_object(msgspec.json.encode(document(status))).value
    assert found.deployment == read_deployment(status)


def test_another_deployment_is_no_change_of_the_application():
    one, other = (
        decode_application(document(status), origin=Origin())[0] for status in (STATUS, {})
    )
    assert one.deployment != other.deployment
    assert one == other
