"""The creation time of an image is read as recorded."""

from argocd_image_updater.registry.timestamps import NANOSECONDS, ZERO_TIME_NS, parse_created
from vectors.flags import is_flagged

VECTORS = "created_timestamp"


def test_creation_time_is_read(case):
    created_ns = parse_created(case["created"])
    if case.get("error"):
        # Where a weakness is flagged, a time may be read that is not read there.
        assert created_ns is None or is_flagged(case)
        return
    if is_flagged(case) and created_ns is None:
        return
    expect = case["expect"]
    assert created_ns is not None
    assert divmod(created_ns, NANOSECONDS) == (expect["unix_seconds"], expect["nanoseconds"])
    assert (created_ns == ZERO_TIME_NS) == expect.get("is_zero", False)
