"""Short ways to make decisions, problems and reports."""

from dataclasses import replace

from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.core.decisions import Change, Decision
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.reference import ImageTag
from argocd_image_updater.core.report import Counters, CycleReport, ResourceResult
from argocd_image_updater.core.settings import Problem

KEY = ObjectKey("argocd", "images")


def app(name="web"):
    return ObjectKey(KEY.namespace, name)


def a_change(alias="web", *, image="ghcr.io/acme/web", old="1.0.0", new="1.1.0"):
    name = image.partition("/")[2] or image
    return Change(alias, image, name, ImageTag(old), ImageTag(new))


def a_decision(
    reason=Reason.UP_TO_DATE, *, application="web", alias="web", message="because", key=KEY, **more
):
    found = {"image": "ghcr.io/acme/web", "current": ImageTag("1.0.0"), **more}
    return Decision(key, app(application), alias, reason=reason, message=message, **found)


def updated(application="web", alias="web", **more):
    change = a_change(alias, **more)
    return a_decision(
        Reason.UPDATED,
        application=application,
        alias=alias,
        image=change.image,
        change=change,
        chosen=change.new,
    )


def a_problem(reason=Reason.SETTINGS_INVALID, message="no good", *, application=None, **more):
    where = {"application": app(application)} if application else {}
    return Problem(reason, message, resource=KEY, **where, **more)


def a_report(
    *decisions, problems=(), errors=0, considered=None, generation=7, failure=None, dry_run=False
):
    counters = Counters(
        images_considered=len(decisions) if considered is None else considered, errors=errors
    )
    applications = len({item.application for item in decisions})
    result = ResourceResult(generation, applications, counters, failure)
    return CycleReport(
        decisions=decisions, problems=tuple(problems), resources={KEY: result}, dry_run=dry_run
    )


def moved(report, key):
    """The same report, about another resource and the Applications of its namespace."""

    def elsewhere(item):
        application = item.application and ObjectKey(key.namespace, item.application.name)
        return replace(item, resource=key, application=application)

    return replace(
        report,
        decisions=tuple(map(elsewhere, report.decisions)),
        problems=tuple(map(elsewhere, report.problems)),
        resources=dict.fromkeys([key], *report.resources.values()),
    )
