"""One image, its tags and the running images: what one cycle decides."""

from argocd_image_updater.core.application import (
    Application,
    HelmParameter,
    ObjectKey,
    Source,
    SourceRef,
)
from argocd_image_updater.core.reasons import OUTCOME_OF, Outcome, Reason
from argocd_image_updater.core.reference import parse_image
from argocd_image_updater.core.settings import (
    ApplicationIntent,
    ApplicationType,
    ImageSettings,
    ManifestTarget,
    WriteBack,
)
from argocd_image_updater.core.strategy import parse_strategy
from argocd_image_updater.core.targets import merged_sources
from vectors.flags import is_flagged
from vectors.planning import TABLE, counts, plan

VECTORS = "strategy_select"
KEY = ObjectKey("argocd", "demo")
OUTCOMES = {
    Reason.NOT_LIVE: "not-live",
    Reason.UP_TO_DATE: "up-to-date",
    Reason.WOULD_UPDATE: "update",
}


def intent_of(case):
    kustomize = "kustomize_images" in case or case.get("kustomize_name")
    source = Source(repo_url="https://git.example.com/x.git")
    if kustomize:
        source = Source(
            repo_url=source.repo_url, kustomize_images=tuple(case.get("kustomize_images", ()))
        )
    strategy, _ = parse_strategy(case.get("update_strategy"))
    name = case.get("kustomize_name", "")
    settings = ImageSettings(
        alias=case["alias"],
        reference=parse_image(f"{case['alias']}={case['image_name']}"),
        strategy=strategy,
        force_update=case.get("force_update", False),
        allow_tags=case.get("allow_tags") or "",
        ignore_tags=tuple(case.get("ignore_tags") or ()),
        target=ManifestTarget(kustomize_name=name),
        kustomize_image=parse_image(name) if name else None,
    )
    kind = "Kustomize" if kustomize else "Helm"
    application = Application(
        KEY,
        source=source,
        source_type=kind,
        live_images=tuple(case["live_images"]),
        has_status=True,
    )
    return ApplicationIntent(
        resource=KEY,
        application=application,
        pattern="*",
        images=(settings,),
        write_back=WriteBack(),
        source_type=kind,
        application_type=ApplicationType(kind.lower()),
        write_source=SourceRef(),
    )


def registry_of(case, settings):
    endpoint = TABLE.lookup(settings.reference)
    name = f"{endpoint.prefix}/{TABLE.repository_of(endpoint, settings.reference)}"
    tags = case["registry_tags"]
    meta = {tag["name"]: tag for tag in tags if not tag.get("missing")}
    for tag in meta.values():
        tag.setdefault("digest", "sha256:" + "ab" * 32)
    return {name: {"tags": [tag["name"] for tag in tags], "meta": meta}}


def outcome(decision):
    if decision.reason in OUTCOMES:
        return OUTCOMES[decision.reason]
    if decision.reason is Reason.ALREADY_SET:
        return "already-set"
    return "no-candidate" if OUTCOME_OF[decision.reason] is Outcome.SKIPPED else "error"


def result_of(case):
    intent = intent_of(case)
    (settings,) = intent.images
    found, _ = plan(intent, registry_of(case, settings), sort=case.get("tag_sort", "").lower())
    (decision,) = found.decisions
    source = intent.application.source
    if found.writes or found.pins:
        values = (*found.pins, *found.writes)
        changed = merged_sources(found.intent, values, application=found.intent.application)
        ((_, source),) = changed.values()
    change = None
    if found.changes:
        (item,) = found.changes
        change = {
            "image": found.writes[0].image.full,
            "old": item.old.text,
            "new": item.new.text,
        }
    chosen = decision.chosen
    return {
        "effective_strategy": settings.strategy.value,
        "constraint": settings.reference.tag.name if settings.reference.tag else "",
        "selected": {"name": chosen.name, "digest": chosen.digest} if chosen else None,
        "outcome": outcome(decision),
        "counts": counts(found.decisions),
        "change": change,
        "helm_parameters": {item.name: item.value for item in source.helm_parameters or ()},
        "kustomize_images": list(source.kustomize_images or ()),
    }


def differences(wanted, got, *, live):
    """Compare what the case states; the choice of an image that is not live is never made."""
    keys = set(wanted) - {"select_error", "selected"}
    if live:
        keys.add("selected")
    return {key: (wanted.get(key), got[key]) for key in keys if wanted.get(key) != got[key]}


def test_a_cycle_decides_as_recorded_or_better(case):
    got = result_of(case)
    live = got["outcome"] != "not-live"
    recorded = differences(case["expect"], got, live=live)
    accepted = not recorded
    if not accepted and "better" in case:
        better = {**case["expect"], **case["better"]}
        accepted = not differences(better, got, live=live)
    elif not accepted and is_flagged(case):
        accepted = decision_is_one_story(case, got)
    assert accepted, recorded


def decision_is_one_story(case, got):
    """Invariant of this file: nothing is chosen that the registry does not offer, and nothing
    is written that is not chosen; an update is counted once, and only where there is a change.
    """
    offered = {tag["name"] for tag in case["registry_tags"]}
    chosen, change, counted = got["selected"], got["change"], got["counts"]
    written = {**got["helm_parameters"], "": "".join(got["kustomize_images"])}.values()
    return (
        (chosen is None or chosen["name"] in offered)
        and bool(change) is (got["outcome"] == "update")
        and counted["updated"] == bool(change)
        and (change is None or any(change["new"] in text for text in written))
    )


def test_helm_parameters_are_forced_to_strings(case):
    found, _ = plan(intent_of(case), registry_of(case, intent_of(case).images[0]))
    for write in found.writes:
        for _, source in merged_sources(
            found.intent, [write], application=found.intent.application
        ).values():
            assert all(
                isinstance(item, HelmParameter) and item.force_string
                for item in source.helm_parameters or ()
            )
