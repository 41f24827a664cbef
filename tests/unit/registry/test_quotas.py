"""What headers say about a limit, in all their forms."""

import pytest
from multidict import CIMultiDict

from argocd_image_updater.registry.quotas import Quota, read_quota
from argocd_image_updater.registry.retry import LONGEST_RETRY_AFTER_S
from argocd_image_updater.registry.transport import Response

NOW = 1_700_000_000.0


def quota(**headers):
    named = CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()})
    return read_quota(Response(200, "https://reg.test/", named), unix_now=NOW)


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        (
            {"ratelimit_limit": "100;w=21600", "ratelimit_remaining": "76;w=21600"},
            Quota(76, limit=100, window_s=21_600.0),
        ),
        (
            {
                "RateLimit_Limit": "10, 10;w=1;burst=5",
                "RateLimit_Remaining": "9",
                "RateLimit_Reset": "5",
            },
            Quota(9, limit=10, window_s=1.0, reset_s=5.0),
        ),
        (
            {
                "X_RateLimit_Limit": "60",
                "X_RateLimit_Remaining": "0",
                "X_RateLimit_Reset": str(int(NOW) + 90),
            },
            Quota(0, limit=60, reset_s=90.0),
        ),
        (
            {"X_RateLimit_Remaining": "1", "X_RateLimit_Reset": str(int(NOW + 7) * 1_000)},
            Quota(1, reset_s=7.0),
        ),
        ({"RateLimit": "limit=100, remaining=50, reset=30"}, Quota(50, limit=100, reset_s=30.0)),
        ({"RateLimit": '"default";r=50;t=30'}, Quota(50, reset_s=30.0)),
        ({"RateLimit_Remaining": "1", "RateLimit_Reset": "0.5"}, Quota(1, reset_s=0.0)),
        (
            {"RateLimit_Remaining": "1", "RateLimit_Reset": "999999999"},
            Quota(1, reset_s=LONGEST_RETRY_AFTER_S),
        ),
        ({"RateLimit_Remaining": "1", "RateLimit_Reset": "1600000000"}, Quota(1, reset_s=0.0)),
    ],
)
def test_known_forms_are_read(headers, found):
    assert quota(**headers) == found


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"RateLimit_Limit": "100"},
        {"RateLimit_Remaining": ""},
        {"RateLimit_Remaining": "-1"},
        {"RateLimit_Remaining": "many"},
        {"RateLimit_Remaining": "1" * 5_000},
        {"RateLimit": '"default";q=100'},
        {"RateLimit": "r" * 10_000},
    ],
)
def test_anything_else_says_nothing(headers):
    assert quota(**headers) is None
