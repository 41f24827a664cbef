"""Challenges are read from ``WWW-Authenticate`` lines as recorded."""

from argocd_image_updater.registry.challenges import parse_challenges

VECTORS = "auth_challenge"


def test_challenges_are_read(case):
    if case.get("status", 401) != 401:
        assert case["expect"]["challenges"] == []
        return
    found = [
        {"scheme": challenge.scheme, "parameters": dict(challenge.parameters)}
        for challenge in parse_challenges(case["www_authenticate"])
    ]
    assert found == case["expect"]["challenges"]
