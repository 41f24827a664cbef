"""What registries tell about their limits, in all spellings."""

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from argocd_image_updater.registry.limit_headers import ToldLimits, read_limits
from argocd_image_updater.registry.transport import Response


def told(**headers):
    lines = CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()})
    response = Response(200, "https://registry.test/v2/", CIMultiDictProxy(lines))
    return read_limits(response, unix_now=0.0)


@pytest.mark.parametrize(
    ("headers", "limits"),
    [
        ({}, ToldLimits()),
        (
            {"ratelimit_limit": "100;w=21600", "ratelimit_remaining": "76;w=21600"},
            ToldLimits(100, 76, 21_600),
        ),
        ({"X_RateLimit_Limit": "5000", "X_RateLimit_Remaining": "0"}, ToldLimits(5_000, 0)),
        (
            {"RateLimit_Policy": '"burst";q=100;w=60', "RateLimit": '"burst";r=50;t=30'},
            ToldLimits(100, 50, 60),
        ),
        ({"RateLimit": "limit=100, remaining=42, reset=10"}, ToldLimits(100, 42)),
        ({"Retry_After": "77"}, ToldLimits(retry_after_s=77.0)),
        ({"RateLimit_Limit": "many", "RateLimit_Remaining": "-1"}, ToldLimits()),
        ({"RateLimit_Remaining": "9" * 40, "RateLimit": f"r={'9' * 40}"}, ToldLimits()),
    ],
)
def test_a_header_is_read_in_each_spelling_or_tells_nothing(headers, limits):
    assert told(**headers) == limits


def test_what_tells_nothing_is_false():
    assert not ToldLimits()
    assert ToldLimits(remaining=0)
