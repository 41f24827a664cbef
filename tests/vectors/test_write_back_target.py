"""Where and how one Application is written back."""

import hashlib

import pytest

from argocd_image_updater.core.annotations import read_annotations
from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.core.inheritance import layers_of, merge_write_back
from argocd_image_updater.core.resource import (
    ApplicationRef,
    PullRequestBlock,
    Resource,
    WriteBackConfig,
)
from argocd_image_updater.core.settings import TargetKind
from argocd_image_updater.core.write_back import resolve_write_back
from argocd_image_updater.errors import ConfigError
from vectors.resource_cases import read_application, same_path

VECTORS = "write_back_target"

GITOPS = "https://git.example.com/acme/gitops.git"
VALUES = "https://git.example.com/acme/values.git"
OTHER = "git@git.example.com:acme/other.git"
REFUSED = "refused"
VALUES_OF_A_CHART = {"kind": "values-file", "repository": VALUES}
# The better results of the cases that are not binding. A target that nobody can mean and a path
# outside the repository are refused; a chart borrows the repository of its values files.
BETTER = {
    "wbt-0083": {},
    "wbt-0085": {},
    "wbt-0087": {"kind": "kustomization", "path": ""},
    "wbt-0089": {},
    "wbt-0096": REFUSED,
    "wbt-0099": REFUSED,
    "wbt-0100": REFUSED,
    "wbt-0101": REFUSED,
    "wbt-0103": REFUSED,
    "wbt-0112": {"path": "charts/web/values.yaml"},
    "wbt-0113": {
        "kind": "values-file",
        "path": "overlays/prod/values.yaml",
        "application_type": "helm",
    },
    "wbt-0115": {"kind": "values-file", "path": "values.yaml", "application_type": "helm"},
    "wbt-0126": {},
    "wbt-0129": {"kind": "values-file", "application_type": "helm"},
    "wbt-0138": {},
    "wbt-0158": REFUSED,
    "wbt-0160": {"kind": "override-file", "path": "charts/web/.argocd-source-web.yaml"},
    "wbt-0162": {"kind": "override-file", "path": "charts/web/.argocd-source-web.yaml"},
    "wbt-0163": {"path": "overlays/prod/.argocd-source-web.yaml"},
    "wbt-0211": REFUSED,
    "wbt-0212": REFUSED,
    # The chart version is never a branch; that the repository is none is told as a fault.
    "wbt-0216": {"checkout": "", "fault": "gitConfig.repository"},
    "wbt-0217": {"checkout": "", "fault": "gitConfig.repository"},
    "wbt-0224": VALUES_OF_A_CHART | {"path": "redis.yaml", "checkout": "values"},
    "wbt-0225": VALUES_OF_A_CHART | {"checkout": "values"},
    "wbt-0227": {"path": "overlays/prod"},
    "wbt-0231": {"path": "overlays/prod"},
    # Argo CD reads no override file for a chart.
    "wbt-0234": REFUSED,
    "wbt-0236": VALUES_OF_A_CHART | {"path": "redis.yaml", "checkout": "main"},
    "wbt-0237": VALUES_OF_A_CHART | {"checkout": "main"},
    "wbt-0266": REFUSED,
    "wbt-0267": {},
    "wbt-0268": REFUSED,
    "wbt-0278": {
        "kind": "kustomization",
        "path": "",
        "application_type": "kustomize",
        "checkout": "",
        "fault": "gitConfig.repository",
    },
    "wbt-0280": REFUSED,
    "wbt-0281": {"checkout": "", "fault": "gitConfig.repository"},
    "wbt-0289": REFUSED,
    "wbt-0297": REFUSED,
    "wbt-0298": REFUSED,
    "wbt-0305": {},
    "wbt-0308": REFUSED,
    "wbt-0315": REFUSED,
    "wbt-0319": VALUES_OF_A_CHART | {"checkout": "values"},
}


def write_back_config(document):
    if document is None:
        return None
    git = document.get("gitConfig", {})
    request = git.get("pullRequest")
    return WriteBackConfig(
        method=document.get("method"),
        repository=git.get("repository"),
        branch=git.get("branch"),
        write_back_target=git.get("writeBackTarget"),
        pull_request=request
        and PullRequestBlock(
            tuple(name for name in ("github", "gitlab") if name in request),
            tuple(request.get("labels", ())),
        ),
    )


def settings_of(case, application):
    if case.get("from_annotations"):
        key = "argocd-image-updater.argoproj.io/image-list"
        annotations = {key: "a=nginx", **application.annotations}
        resource = Resource(ObjectKey("argocd", "iu"))
        ref = ApplicationRef(0, "*", use_annotations=True)
        return read_annotations(annotations, resource=resource, ref=ref).write_back
    config = write_back_config(case["write_back_config"])
    return merge_write_back(layers_of((("spec.writeBackConfig", config),)))


def place(case):
    application = read_application(case["application"])
    return resolve_write_back(
        application,
        settings_of(case, application),
        controller_namespace=case.get("controller_namespace", "argocd"),
        standalone=False,
    )


def configured_base(case):
    if case.get("from_annotations"):
        annotations = case["application"]["metadata"]["annotations"]
        return annotations.get("argocd-image-updater.argoproj.io/git-branch", "")
    return ((case["write_back_config"] or {}).get("gitConfig") or {}).get("branch") or ""


def test_the_target_is_resolved(case):
    better = {} if case["binding"] else BETTER.get(case["id"], {})
    if case.get("error") or better == REFUSED:
        with pytest.raises(ConfigError):
            place(case)
        return
    placement = place(case)
    expect = case["expect"] | better
    ours = placement.write_back
    assert ours.method == expect["method"]
    assert placement.application_type == expect["application_type"]
    assert expect.get("fault", "") in placement.fault
    assert bool(placement.fault) is ("fault" in expect)
    if expect["method"] == "argocd":
        return
    assert ours.target_kind == expect["kind"]
    assert same_path(ours.target_path, expect["path"])
    assert ours.repository == expect["repository"]
    assert ours.base_branch == expect["checkout"]
    check_key(case, ours, better=better)


def check_key(case, ours, *, better):
    """The recorded key, unless the target is another one or a directory, which has its own."""
    if ours.target_kind is TargetKind.KUSTOMIZATION:
        base = configured_base(case).strip().partition(":")[0]
        text = f"{ours.repository}|{base}|{ours.target_path or '.'}"
        assert ours.target_key == hashlib.sha256(text.encode()).hexdigest()[:8]
    elif not better:
        assert ours.target_key == case["expect"]["target_key"]
    else:
        assert len(ours.target_key) == 8
