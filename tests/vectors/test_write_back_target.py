"""Where and how one Application is written back."""

import copy
import hashlib

from argocd_image_updater.core.annotations import read_annotations
from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.core.inheritance import layers_of, merge_write_back
from argocd_image_updater.core.resource import (
    ApplicationRef,
    PullRequestBlock,
    Resource,
    WriteBackConfig,
)
from argocd_image_updater.core.write_back import resolve_write_back
from argocd_image_updater.errors import ConfigError
from vectors.flags import is_flagged, rule_of
from vectors.resource_cases import normal, read_application

VECTORS = "write_back_target"

REFUSED = "refused"


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
    config = write_back_config(case.get("write_back_config"))
    return merge_write_back(layers_of((("spec.writeBackConfig", config),)))


def place(case):
    application = read_application(case["application"])
    return resolve_write_back(
        application,
        settings_of(case, application),
        controller_namespace=case.get("controller_namespace", "argocd"),
        standalone=False,
    )


def test_the_target_is_resolved(case):
    outcome = outcome_of(case)
    if is_flagged(case) and outcome != recorded(case):
        rule = rule_of(case, RULES) or recorded_or_inside_the_repository
        assert rule(case, outcome), outcome
    else:
        assert outcome == recorded(case)


def outcome_of(case):
    """Return the resolved write-back in the words of the file; a fault is told beside it."""
    try:
        placement = place(case)
    except ConfigError:
        return REFUSED
    ours = placement.write_back
    shown = {"method": ours.method, "application_type": placement.application_type}
    if ours.method == "git":
        shown |= {
            "kind": ours.target_kind,
            "path": normal(ours.target_path),
            "repository": ours.repository,
            "checkout": ours.base_branch,
            "target_key": ours.target_key,
        }
    return shown | ({"fault": True} if placement.fault else {})


def recorded(case, **better):
    """Return the recorded outcome with a normalised path, changed to a better one."""
    if case.get("error"):
        return REFUSED
    expect = {**case["expect"], **better}
    shown = {key: expect[key] for key in ("method", "application_type")}
    if expect["method"] == "git":
        keys = ("kind", "path", "repository", "checkout", "target_key")
        shown |= {key: expect[key] for key in keys}
        shown["path"] = normal(expect["path"])
        if better or expect["kind"] == "kustomization":
            shown["target_key"] = key_of(case, expect)
    return shown | ({"fault": True} if expect.get("fault") else {})


def key_of(case, expect):
    """Return the key of a target: of a kustomization its directory counts, which tells two apart.

    A path is taken as it is written.
    """
    path = expect["path"]
    if expect["kind"] == "kustomization":
        path = normal(path) or "."
    text = f"{expect['repository']}|{configured_base(case)}|{path}"
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def configured_base(case):
    return configured(case, "branch", "git-branch").strip().partition(":")[0]


def configured_target(case):
    return configured(case, "writeBackTarget", "write-back-target")


def configured(case, field, annotation):
    if case.get("from_annotations"):
        annotations = case["application"]["metadata"].get("annotations") or {}
        return annotations.get(f"argocd-image-updater.argoproj.io/{annotation}", "")
    return ((case.get("write_back_config") or {}).get("gitConfig") or {}).get(field) or ""


def sources_of(case):
    spec = case["application"]["spec"]
    return spec.get("sources") or [spec.get("source") or {}]


def refused(_case, outcome):
    return outcome == REFUSED


def the_root_is_a_directory_like_others(case, outcome):
    """The kustomization of the repository's root; a chart repository is told as a fault."""
    fault = {"fault": True, "checkout": ""} if has_only_charts(case) else {}
    better = {"kind": "kustomization", "path": "", "application_type": "kustomize"}
    return outcome == recorded(case, **better, **fault)


def has_only_charts(case):
    return all(source.get("chart") for source in sources_of(case))


def values_are_values(case, outcome):
    """Whatever its extension, the file is a values file; without a name, the usual one."""
    path = case["expect"]["path"]
    if configured_target(case) in ("helmvalues:", "helmvalues:/"):
        path = f"{path}/values.yaml".removeprefix("/")
    better = {"kind": "values-file", "path": path, "application_type": "helm"}
    return outcome == recorded(case, **better)


def blank_is_not_set(case, outcome):
    """A blank target is no target: the outcome is that of the case without it."""
    other = copy.deepcopy(case)
    other["write_back_config"]["gitConfig"].pop("writeBackTarget")
    return outcome == outcome_of(other)


def one_source_gives_all(case, outcome):
    """Path, repository and revision come from the source of the type that the target implies."""
    word, _, rest = configured_target(case).partition(":")
    if word != "kustomization":
        return outcome == REFUSED
    types = (case["application"].get("status") or {}).get("sourceTypes") or ()
    sources = sources_of(case)
    blocks = [source for source in sources if "kustomize" in source]
    typed = [source for source, kind in zip(sources, types, strict=False) if kind == "Kustomize"]
    source = (blocks or typed)[0]
    path = rest if rest.startswith("/") else f"{source.get('path', '')}/{rest}"
    better = {"path": path, "repository": case["expect"]["repository"]}
    if not configured(case, "repository", "git-repository"):
        better["repository"] = source["repoURL"]
    return outcome == recorded(case, **better)


def charts_borrow_from_ref(case, outcome):
    """A chart's repository and version are never written to.

    They are those of the source its value files come from; where there is none, the outcome is
    refused, or a fault is told and no branch is named. Without charts only the key is another.
    """
    charts = [source for source in sources_of(case) if source.get("chart")]
    if not charts or case["expect"]["repository"] not in [one["repoURL"] for one in charts]:
        return outcome == recorded(case)
    lent = [pair for chart in charts for pair in lenders_of(case, chart)]
    if not configured_target(case).strip() and not case["expect"].get("fault"):
        return outcome == REFUSED or is_told_as_fault(case, outcome)
    if not lent:
        return is_told_as_fault(case, outcome)
    lender, file = lent[-1]
    checkout = configured_base(case) or lender.get("targetRevision", "")
    better = {"repository": lender["repoURL"], "checkout": checkout}
    if configured_target(case) == "helmvalues":
        better["path"] = file
    return outcome == recorded(case, **better)


def is_told_as_fault(case, outcome):
    return outcome == recorded(case, checkout=configured_base(case), fault=True)


def lenders_of(case, chart):
    """Return the sources that value files of a chart come from, with the path of each file."""
    named = {source["ref"]: source for source in sources_of(case) if source.get("ref")}
    for entry in (chart.get("helm") or {}).get("valueFiles") or ():
        name, _, path = entry.removeprefix("$").partition("/")
        if entry.startswith("$") and name in named:
            yield named[name], path


def recorded_or_inside_the_repository(case, outcome):
    """Invariant of this file: a refusal, or a path inside a repository the Application names."""
    if outcome == REFUSED:
        return True
    repositories = {source.get("repoURL") for source in sources_of(case)}
    repositories.add(configured(case, "repository", "git-repository"))
    return not case.get("error") and (
        outcome["method"] == case["expect"]["method"]
        and outcome["repository"] in repositories
        and outcome["path"].split("/")[0] != ".."
        and outcome["kind"] in ("kustomization", "values-file", "override-file")
    )


RULES = {
    "outside the repository": refused,
    "takes everything after": refused,
    "an empty base path": the_root_is_a_directory_like_others,
    "not recognised as a values file": values_are_values,
    "an empty target should mean": blank_is_not_set,
    "taken from the first Helm source": one_source_gives_all,
    "sections 5 and 6.3": charts_borrow_from_ref,
}
