"""Version constraints against versions."""

import pytest

from argocd_image_updater.core.constraint import InvalidConstraint, parse_constraint
from argocd_image_updater.core.version import parse_version

VECTORS = "semver_constraint"


def test_a_constraint_accepts_a_version_or_not(case):
    expect = case["expect"]
    version = parse_version(case["version"])
    assert (version is not None) == expect["version_valid"]
    if not expect["constraint_valid"]:
        with pytest.raises(InvalidConstraint):
            parse_constraint(case["constraint"])
        return
    constraint = parse_constraint(case["constraint"])
    if version is not None:
        assert constraint.accepts(version) == expect["satisfied"]
