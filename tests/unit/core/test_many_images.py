"""An Application with many images reads its target once, and edits it only to write it."""

import pytest

from argocd_image_updater.core.application import Application, ObjectKey, Source, SourceRef
from argocd_image_updater.core.choice import Pending
from argocd_image_updater.core.due import Policy
from argocd_image_updater.core.edits import helm_values, kustomization
from argocd_image_updater.core.edits.yamltext import parse
from argocd_image_updater.core.facts import (
    FileFact,
    FileQuestion,
    PathKind,
    RepositoryKey,
    TagList,
)
from argocd_image_updater.core.plan import plan_application
from argocd_image_updater.core.reference import parse_image
from argocd_image_updater.core.settings import (
    ApplicationIntent,
    ApplicationType,
    ImageSettings,
    ManifestTarget,
    TargetKind,
    WriteBack,
)

KEY = ObjectKey("argocd", "web")
COUNT = 200
POLICY = Policy("linux/amd64", lambda *_: RepositoryKey("reg.example", "app"), declared_counts=True)
VALUES = "".join(f"i{n}: {{name: reg.example/app{n}, tag: 1.0.0}}\n" for n in range(COUNT))
ENTRIES = "".join(f"- name: reg.example/app{n}\n  newTag: 1.0.0\n" for n in range(COUNT))
PARAMETERS = "".join(f"  - name: i{n}.tag\n    value: 1.0.0\n" for n in range(COUNT))


def intent(kind, path, application_type):
    return ApplicationIntent(
        resource=KEY,
        application=Application(KEY, source=Source(repo_url="https://git.example/x")),
        pattern="*",
        images=tuple(
            ImageSettings(
                f"i{n}",
                parse_image(f"i{n}=reg.example/app{n}:1.x"),
                target=ManifestTarget(helm_name=f"i{n}.name", helm_tag=f"i{n}.tag"),
            )
            for n in range(COUNT)
        ),
        write_back=WriteBack(
            method="git",
            repository="https://git.example/x",
            base_branch="main",
            target_kind=kind,
            target_path=path,
        ),
        source_type=application_type.value.title(),
        application_type=application_type,
        write_source=SourceRef(),
    )


def answer(question, text):
    if isinstance(question, FileQuestion):
        return FileFact(PathKind.FILE, text.encode())
    return TagList(("1.0.0", "1.1.0"))


@pytest.mark.parametrize(
    ("kind", "path", "application_type", "text"),
    [
        (TargetKind.VALUES, "v.yaml", ApplicationType.HELM, VALUES),
        (
            TargetKind.OVERRIDE,
            "o.yaml",
            ApplicationType.HELM,
            f"helm:\n  parameters:\n{PARAMETERS}",
        ),
        (TargetKind.KUSTOMIZATION, "", ApplicationType.KUSTOMIZE, f"images:\n{ENTRIES}"),
    ],
)
def test_the_target_of_many_images_is_read_once(kind, path, application_type, text, monkeypatch):
    def edited(*_args, **_options):
        raise AssertionError("a plan edits nothing")

    monkeypatch.setattr(helm_values, "edit_text", edited)
    monkeypatch.setattr(kustomization, "edit_text", edited)
    before = parse.cache_info().misses
    wanted, facts = intent(kind, path, application_type), {}
    while isinstance(plan := plan_application(wanted, facts=facts, policy=POLICY), Pending):
        facts |= {question: answer(question, text) for question in plan.questions}
    assert len(plan.writes) == COUNT
    assert parse.cache_info().misses - before <= 1
