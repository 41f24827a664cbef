"""Patterns of Application names."""

import pytest

from argocd_image_updater.core.globs import MalformedGlob, compile_glob

VECTORS = "name_pattern"


def test_a_pattern_matches_a_name_or_is_malformed(case):
    if case.get("error"):
        with pytest.raises(MalformedGlob):
            compile_glob(case["pattern"])
    else:
        assert compile_glob(case["pattern"]).matches(case["name"]) == case["expect"]["matches"]
