"""Plans and histories for the tests of flips."""

from dataclasses import dataclass

from argocd_image_updater.core.application import Application, ObjectKey, Source, SourceRef
from argocd_image_updater.core.decisions import Change, Decision
from argocd_image_updater.core.facts import BranchKey
from argocd_image_updater.core.plan import ApplicationPlan
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.reference import ImageTag, parse_image
from argocd_image_updater.core.settings import (
    ApplicationIntent,
    ApplicationType,
    ImageSettings,
    ManifestTarget,
    TargetKind,
    WriteBack,
)
from argocd_image_updater.core.target_state import GitDestination
from argocd_image_updater.core.targets import ImageWrite
from argocd_image_updater.core.write_history import FieldHistory, WriteRecord, planned_values

URL = "https://git.example.com/acme/deploy.git"
NAME = "reg.example/web"
RESOURCE = ObjectKey("argocd", "updater")


def image(alias="web", name=NAME, **target):
    settings = ManifestTarget(**(target or {"helm_name": "", "helm_tag": ""}))
    return ImageSettings(alias, parse_image(f"{alias}={name}:1.x"), target=settings)


def plan(
    *steps,
    application="shop",
    resource=RESOURCE,
    url=URL,
    branch="main",
    push_branch="",
    path="values.yaml",
    method="git",
    images=None,
    source=None,
):
    """Return a plan with one write for each step ``(old, new)``, None = an image that is current.

    images: their settings; those of `image` under the aliases web, web1, … otherwise.
    """
    images = images or tuple(
        image("web" if index == 0 else f"web{index}", helm_tag=f"tag{index}")
        for index in range(len(steps))
    )
    key = ObjectKey("argocd", application)
    intent = ApplicationIntent(
        resource=resource,
        application=Application(key, source=source or Source(URL, "shop")),
        pattern="*",
        images=images,
        write_back=WriteBack(
            method=method,
            repository=url,
            base_branch=branch,
            target_kind=TargetKind.VALUES,
            target_path=path,
        ),
        source_type="Helm",
        application_type=ApplicationType.HELM,
        write_source=SourceRef(),
    )
    decisions, writes, changes = [], [], []
    for settings, step in zip(images, steps, strict=True):
        reason = Reason.WOULD_UPDATE if step else Reason.UP_TO_DATE
        change = None
        if step:
            old, new = (ImageTag(text) for text in step)
            name = settings.reference.full_name
            change = Change(settings.alias, name, settings.reference.name, old, new)
            writes.append(ImageWrite(settings, new))
            changes.append(change)
        decisions.append(
            Decision(
                resource, key, settings.alias, settings.reference.full_name, reason, "m",
                change=change, written_to=path if step else "", settings=settings, considered=True,
            )
        )  # fmt: skip
    git = GitDestination(BranchKey(url, branch), push_branch) if method == "git" else None
    return ApplicationPlan(
        intent, tuple(decisions), tuple(writes), (), tuple(changes), git if writes else None
    )


@dataclass
class Memory:
    """The history of fields in memory, with the limits of nobody."""

    def __init__(self):
        self.fields = {}
        self.settings = {}

    def settings_of(self, *plans):
        """Return the settings of all writers: ``s`` unless a test says otherwise."""
        writers = {value.writer for item in plans for value in planned_values(item)}
        writers |= {one.writer for known in self.fields.values() for one in known.records}
        return {
            writer: self.settings.get(writer.application.name, "s")
            for writer in writers
            if self.settings.get(writer.application.name, "s")
        }

    def write(self, item, *, at_s=0):
        """Remember that a plan was written."""
        settings = self.settings_of(item)
        for value in planned_values(item):
            for key in value.fields:
                known = self.fields.get(key, FieldHistory())
                record = WriteRecord(
                    value.writer, value.old, value.new, settings[value.writer], at_s
                )
                self.fields[key] = FieldHistory((*known.records, record))

    def hold(self, begun):
        for key, hold in begun:
            known = self.fields[key]
            self.fields[key] = FieldHistory(known.records, (*known.holds, hold))
