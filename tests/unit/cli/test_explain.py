"""Explanations: which images a question means, the page about one, and the JSON document."""

import pytest

from argocd_image_updater.cli.explain import Question, select
from argocd_image_updater.cli.render.explain import (
    explanation_document,
    render_explanation,
    render_problems,
)
from argocd_image_updater.cli.render.settings import setting_rows
from argocd_image_updater.cli.render.tags import created_text
from argocd_image_updater.cli.render.terminal import Terminal
from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.core.decisions import TagVerdict
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.settings import Problem
from argocd_image_updater.errors import ConfigError
from unit.cli.reports import RESOURCE, SETTINGS, SHOP, decision, report

PROBLEM = Problem(Reason.SETTINGS_INVALID, "bad", RESOURCE, SHOP, alias="old", field_path="spec.x")
CYCLE = report(
    decision(),
    decision(image="quay.io/acme/db", alias="db"),
    decision(application=ObjectKey("team", "shop")),
    decision(application=ObjectKey("team", "blog")),
    problems=(PROBLEM,),
)


def names(application, image=""):
    decisions, problems = select(CYCLE, Question(application, image))
    return [f"{d.application}:{d.alias}" for d in decisions], [p.alias for p in problems]


def test_an_application_is_found_by_name_or_with_its_namespace():
    assert names("shop") == (["argocd/shop:web", "argocd/shop:db", "team/shop:web"], ["old"])
    assert names("team/shop") == (["team/shop:web"], [])


def test_an_image_is_found_by_alias_full_name_or_last_parts():
    for image in ("db", "quay.io/acme/db", "acme/db"):
        assert names("argocd/shop", image) == (["argocd/shop:db"], [])


def test_an_image_that_was_dropped_is_found_in_the_problems():
    assert names("argocd/shop", "old") == ([], ["old"])


def test_an_unknown_application_or_image_gets_the_nearest_name():
    with pytest.raises(ConfigError, match="no ImageUpdater selects it") as caught:
        names("blogg")
    assert caught.value.hint == "did you mean team/blog?"
    with pytest.raises(ConfigError, match='no configured image "webb"') as caught:
        names("blog", "webb")
    assert caught.value.hint == "did you mean web?"
    with pytest.raises(ConfigError) as caught:
        names("zzzz")
    assert caught.value.hint == "configured: argocd/shop, team/blog, team/shop"


def test_without_any_image_the_hint_says_so():
    with pytest.raises(ConfigError) as caught:
        select(report(), Question("shop"))
    assert caught.value.hint == "nothing is configured in these manifests"


def test_the_page_tells_settings_with_origin_every_tag_choice_and_reason():
    page = render_explanation(decision(), Terminal(), all_tags=False)
    assert page.splitlines() == [
        "Application   argocd/shop",
        "ImageUpdater  argocd/updater",
        "Image         ghcr.io/acme/web",
        "Alias         web",
        "Current       1.0.0 (read from live)",
        "",
        "Settings",
        "  constraint      ^1.0       image (images[0])",
        "  updateStrategy  semver     global (spec.commonUpdateSettings)",
        "  allowTags       regexp:^1  annotation argocd-image-updater.argoproj.io/web.allow-tags",
        "  ignoreTags      -          default",
        "  platforms       -          default",
        "  downgrade       never      default of this process",
        "",
        "Tags (3 listed, 2 allowed)",
        "  1.1.0   chosen",
        "  1.0.0   allowed, but not the best  (2023-11-14T22:13:20Z)",
        "  latest  not a version: latest is no version",
        "",
        "Choice        1.1.0",
        "Written to    https://git.example/shop.git main apps/shop/values.yaml",
        "Reason        Updated",
        "              the image ends as Updated",
    ]


def test_only_the_newest_tags_and_the_chosen_one_are_listed_unless_all_are_wanted():
    verdicts = (
        *(TagVerdict(f"2.{n}", "constraint") for n in range(200, 0, -1)),
        TagVerdict("1.1.0", "chosen"),
        TagVerdict("1.0.0", "kept"),
    )
    short, full = (
        render_explanation(decision(trace=lambda: verdicts), Terminal(), all_tags=all_tags)
        for all_tags in (False, True)
    )
    assert "  1.1.0  chosen" in short
    assert "… 181 more (--all lists every tag)" in short
    assert "2.1 " in full
    assert "more (--all" not in full


def test_a_decision_without_tags_still_says_why_and_what_to_do():
    failed = decision(Reason.AUTH_FAILED, new=None, trace=None, settings=None, warnings=("look",))
    page = render_explanation(failed, Terminal(), all_tags=False)
    assert "Tags" not in page
    assert "Hint          check the credentials of the registry\nWarning       look\n" in page


def test_problems_of_the_application_are_listed():
    assert "SettingsInvalid: bad" in render_problems([PROBLEM], Terminal())
    assert render_problems([], Terminal()) == ""


def test_the_document_holds_all_settings_and_tags():
    document = explanation_document([decision()], [PROBLEM])
    [image] = document["images"]
    assert image["tags"][1] == {
        "tag": "1.0.0",
        "rule": "kept",
        "detail": "",
        "created": "2023-11-14T22:13:20Z",
    }
    assert {"name": "ignoreTags", "value": [], "origin": "default"} in image["settings"]
    assert document["problems"][0]["field"] == "spec.x"


def test_optional_settings_appear_where_they_are_set():
    assert "pullSecret" not in {row.name for row in setting_rows(SETTINGS)}


@pytest.mark.parametrize(
    ("created_ns", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (-1, "1969-12-31T23:59:59Z"),
        (10**30, "out of range"),
        (None, ""),
    ],
)
def test_creation_times_of_every_size_can_be_shown(created_ns, text):
    assert created_text(created_ns) == text
