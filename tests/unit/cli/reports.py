"""Made-up reports for the tests of what users see."""

from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.core.decisions import Change, Decision, TagVerdict
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.reference import ImageReference, ImageTag
from argocd_image_updater.core.report import CommitRecord, Counters, CycleReport, PatchRecord
from argocd_image_updater.core.settings import Downgrade, ImageSettings, Problem

RESOURCE = ObjectKey("argocd", "updater")
SHOP = ObjectKey("argocd", "shop")
DIGEST = "sha256:" + "0123456789abcdef" * 4
DIFF = (
    "--- a/apps/shop/values.yaml\n+++ b/apps/shop/values.yaml\n@@ -1,2 +1,2 @@\n"
    " image:\n-  tag: 1.0.0\n+  tag: 1.1.0\n"
)
SETTINGS = ImageSettings(
    alias="web",
    reference=ImageReference("ghcr.io", "acme/web", ImageTag("^1.0")),
    allow_tags="regexp:^1",
    downgrade=Downgrade.NEVER,
    origins={
        "reference": "images[0]",
        "strategy": "spec.commonUpdateSettings",
        "allow_tags": "annotation argocd-image-updater.argoproj.io/web.allow-tags",
    },
)
VERDICTS = (
    TagVerdict("1.1.0", "chosen"),
    TagVerdict("1.0.0", "kept", created_ns=1_700_000_000 * 10**9),
    TagVerdict("latest", "notAVersion", "latest is no version"),
)


def decision(
    reason=Reason.UPDATED,
    *,
    application=SHOP,
    image="ghcr.io/acme/web",
    alias="web",
    old="1.0.0",
    new="1.1.0",
    **more,
):
    old, new = ImageTag(old), ImageTag(new) if isinstance(new, str) else new
    changed = reason in {Reason.UPDATED, Reason.WOULD_UPDATE}
    defaults = {
        "message": f"the image ends as {reason.value}",
        "current": old,
        "current_from": "live",
        "chosen": new,
        "change": Change(alias, image, image.partition("/")[2], old, new) if changed else None,
        "written_to": "https://git.example/shop.git main apps/shop/values.yaml" if changed else "",
        "settings": SETTINGS,
        "trace": lambda: VERDICTS,
        "considered": True,
    }
    return Decision(RESOURCE, application, alias, image, reason, **(defaults | more))


def report(*decisions, **more):
    errors = sum(item.outcome.value == "error" for item in decisions)
    counters = Counters(1, len(decisions), 0, 1, errors)
    defaults = {
        "counters": counters,
        "by_resource": {RESOURCE: counters},
        "requests": {"tag lists": 3, "tokens": 0},
        "duration_s": 1.25,
    }
    return CycleReport(decisions, **(defaults | more))


def full_report(**more):
    """Return a report in which every member has something to show."""
    return report(
        decision(warnings=("created is missing",)),
        decision(Reason.REGISTRY_ERROR, image="quay.io/acme/db", alias="db", new=None, old="5"),
        problems=(
            Problem(
                Reason.SETTINGS_INVALID,
                "forceUpdate must be a boolean",
                resource=RESOURCE,
                field_path="spec.applicationRefs[0].images[0].commonUpdateSettings.forceUpdate",
            ),
        ),
        commits=(
            CommitRecord(
                "https://git.example/shop.git",
                "main",
                "build: update shop\n\nupdates image web\n",
                (SHOP,),
                ("apps/shop/values.yaml",),
                DIFF,
            ),
        ),
        patches=(PatchRecord(ObjectKey("argocd", "blog"), "manifests/blog.yaml", DIFF),),
        **more,
    )
