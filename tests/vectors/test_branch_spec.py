"""Base branch, push branch, pull request labels and target key."""

import pytest

from argocd_image_updater.core.inheritance import layers_of, merge_write_back
from argocd_image_updater.core.write_back import resolve_write_back
from argocd_image_updater.core.write_back_texts import parse_branches
from argocd_image_updater.errors import ConfigError
from vectors.resource_cases import read_application
from vectors.test_write_back_target import write_back_config

VECTORS = "branch_spec"

REFUSED = "refused"
# The better results of the cases that are not binding: a colon inside a template does not split,
# a chart's version is no branch, and a chart has no override file.
BETTER = {
    "brs-0019": {"base": "main", "target": "{{ $x := 1 }}b", "checkout": "main"},
    "brs-0020": {
        "base": "main",
        "target": '{{ printf "%s:%s" .SHA256 .SHA256 }}',
        "checkout": "main",
    },
    "brs-0052": {"base": "", "target": "bot", "checkout": ""},
    "brs-0059": REFUSED,
}


def test_branches_are_resolved(case):
    binding = case.get("binding", True)
    better = {} if binding else BETTER.get(case["id"], {})
    application = read_application(case["application"])
    settings = merge_write_back(
        layers_of((("spec.writeBackConfig", write_back_config(case["write_back_config"])),))
    )

    def place():
        return resolve_write_back(
            application, settings, controller_namespace="argocd", standalone=False
        ).write_back

    if better == REFUSED or (case.get("error") and not better):
        with pytest.raises(ConfigError):
            place()
        return
    ours = place()
    expect = (case.get("expect") or {}) | better
    branches = parse_branches(case["branch"] or "")
    assert (branches.base, branches.push) == (expect["base"], expect["target"])
    assert ours.push_branch == expect["target"]
    assert ours.base_branch == expect["checkout"]
    if "repository" in expect:
        assert ours.repository == expect["repository"]
        assert ours.target_key == expect["target_key"]
        provider = ours.pull_request.provider if ours.pull_request else None
        assert provider == expect["pull_request"]
        assert list(ours.pull_request.labels if ours.pull_request else ()) == expect["labels"]
