"""Challenges are read from ``WWW-Authenticate`` lines as recorded."""

from argocd_image_updater.registry.challenges import parse_challenges
from vectors.flags import is_flagged

VECTORS = "auth_challenge"


def test_challenges_are_read(case):
    found = []
    if case.get("status", 401) == 401:
        found = [
            {"scheme": challenge.scheme, "parameters": dict(challenge.parameters)}
            for challenge in parse_challenges(case["www_authenticate"])
        ]
    recorded = (case.get("expect") or {}).get("challenges", [])
    assert found == recorded or (is_flagged(case) and stands_in_the_header(case, found))


def stands_in_the_header(case, found):
    """Invariant of this file: no scheme and no value that the header does not hold."""
    text = "\n".join(case["www_authenticate"]).replace("\\", "")
    values = [value for one in found for value in one["parameters"].values()]
    schemes = [one["scheme"].lower() in text.lower() for one in found]
    return all(schemes) and all(value.replace("\\", "") in text for value in values)
