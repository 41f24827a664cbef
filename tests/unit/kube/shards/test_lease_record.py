"""What a Lease says, as others write it, and what the own clock makes of it."""

import msgspec
import pytest

from argocd_image_updater.errors import RemoteError
from argocd_image_updater.kube.shards.lease_record import (
    LeaseRecord,
    decode_record,
    is_ours,
    lease_name,
    micro_time,
    observe,
    read_record,
    shards_text,
    without_object,
)

# As Kubernetes' own leader election writes it.
FOREIGN = {
    "apiVersion": "coordination.k8s.io/v1",
    "kind": "Lease",
    "metadata": {
        "name": "c21b75f2.argoproj.io",
        "namespace": "argocd",
        "resourceVersion": "4711",
        "uid": "u",
    },
    "spec": {
        "holderIdentity": "updater-7d9f8b6c5-x2x4z_0b6c",
        "leaseDurationSeconds": 15,
        "acquireTime": "2026-01-01T10:00:00.123456Z",
        "renewTime": "2026-01-01T10:00:02.000001Z",
        "leaseTransitions": 3,
    },
}


def test_the_record_of_another_is_read():
    record = decode_record(msgspec.json.encode(FOREIGN))
    assert record == read_record(FOREIGN)
    assert record.holder == "updater-7d9f8b6c5-x2x4z_0b6c"
    assert (record.duration_s, record.transitions, record.shards) == (15.0, 3, 1)


@pytest.mark.parametrize("spec", [None, {}, {"holderIdentity": None}, {"holderIdentity": ""}])
def test_a_lease_without_holder_is_free(spec):
    record = read_record({"metadata": {"name": "x"}, "spec": spec})
    assert not observe(None, record, now_s=5.0).is_held(5.0)


def test_a_promise_of_years_is_cut_and_none_is_the_usual_one():
    def duration_s(value):
        spec = {"holderIdentity": "h", "leaseDurationSeconds": value}
        return read_record({"metadata": {}, "spec": spec}).duration_s

    assert duration_s(10**9) == 3600.0
    assert duration_s(None) == 15.0


@pytest.mark.parametrize("document", [{}, {"metadata": 1}, {"metadata": {}, "spec": []}])
def test_another_shape_is_refused(document):
    with pytest.raises(RemoteError):
        read_record(document)
    with pytest.raises(RemoteError):
        decode_record(msgspec.json.encode(document))


@pytest.mark.parametrize(
    ("text", "shards"),
    [
        (shards_text(3, "me"), 3),
        (shards_text(3, "an-earlier-holder"), 1),
        ("3", 1),
        ("0/me", 1),
        ("x/me", 1),
        ("99999/me", 1),
    ],
)
def test_the_number_of_shards_is_that_of_the_holder(text, shards):
    annotations = {"argocd-image-updater.argoproj.io/shards": text}
    document = {"metadata": {"annotations": annotations}, "spec": {"holderIdentity": "me"}}
    assert read_record(document).shards == shards


def test_times_are_written_with_six_digits_in_utc():
    assert micro_time(0) == "1970-01-01T00:00:00.000000Z"
    assert micro_time(1767261600.5) == "2026-01-01T10:00:00.500000Z"


def test_only_a_sign_of_life_moves_the_end():
    first = LeaseRecord("x", "10", holder="h", duration_s=15.0, renewed="a")
    seen = observe(None, first, now_s=100.0)
    noted = LeaseRecord("x", "11", holder="h", duration_s=15.0, renewed="a", wanted_by="w")
    seen = observe(seen, noted, now_s=110.0)
    assert seen.record == noted
    assert seen.free_from_s == 115.0
    renewed = LeaseRecord("x", "12", holder="h", duration_s=15.0, renewed="b")
    assert observe(seen, renewed, now_s=112.0).free_from_s == 127.0


def test_an_older_record_changes_nothing():
    seen = observe(None, LeaseRecord("x", "10", holder="new", duration_s=15.0), now_s=1.0)
    assert observe(seen, LeaseRecord("x", "9", holder="old"), now_s=2.0) is seen


def test_the_holder_of_a_deleted_lease_is_waited_for():
    seen = without_object(observe(None, LeaseRecord("x", "1", holder="h", duration_s=15), now_s=0))
    assert seen.is_held(14.9)
    assert not seen.is_held(15.0)
    assert not seen.record.version


def test_the_names_of_shards_are_names_of_objects():
    assert lease_name(0) == "c21b75f2.argoproj.io"
    assert lease_name(12) == "c21b75f2.argoproj.io-shard-12"
    assert all(is_ours(lease_name(shard)) for shard in range(100))
    for name in ("c21b75f2.argoproj.io-shard-", "c21b75f2.argoproj.io-x", "other", "shard-1"):
        assert not is_ours(name)
