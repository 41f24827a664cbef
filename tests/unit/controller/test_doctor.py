"""The examination of a registry: its words and order, without a registry."""

import pytest

from argocd_image_updater.controller import doctor
from argocd_image_updater.controller.doctor_answers import (
    Asked,
    failure_advice,
    limits_check,
    login_check,
)
from argocd_image_updater.controller.doctor_checks import (
    Blame,
    CheckName,
    CheckOutcome,
    Diagnosis,
    failed,
    passed,
    skipped,
)
from argocd_image_updater.controller.doctor_images import pick_tags
from argocd_image_updater.controller.doctor_way import tls_check, why_this_entry
from argocd_image_updater.controller.looking_up import LookUp
from argocd_image_updater.core.facts import Failure, FailureKind, TagList
from argocd_image_updater.core.reference import parse_image
from argocd_image_updater.core.settings import ImageSettings
from argocd_image_updater.net.proxies import DIRECT
from argocd_image_updater.registry.api import parse_api
from argocd_image_updater.registry.endpoint import Endpoint
from argocd_image_updater.registry.endpoint_loading import load_table
from argocd_image_updater.registry.probing import Fault, FaultKind, way_to
from argocd_image_updater.registry.quotas import Quota

CONF = """
registries:
- {name: Acme, prefix: acme.test, api_url: "https://acme.test"}
- {name: Team, prefix: acme.test/team, api_url: "https://team.test", credentials: "%s"}
"""


def look_up(image, *, credentials="env:X", **wanted):
    table = load_table(CONF % credentials, file="registries.conf", ca_directories=())
    settings = ImageSettings(alias="", reference=parse_image(image))
    return LookUp(settings, table, default_platform="linux/amd64", **wanted)


def asked(**more):
    api = parse_api(Endpoint("Acme", "acme.test", "https://acme.test"))
    return Asked(api, "team/web", **more)


@pytest.mark.parametrize(
    ("image", "why"),
    [
        ("nginx", 'built-in entry "Docker Hub": the image names no registry'),
        ("docker.io/nginx", 'built-in entry "Docker Hub": its prefix is docker.io'),
        ("acme.test/web", 'entry "Acme": its prefix is acme.test'),
        ("acme.test/team/web", 'entry "Team": its prefix is acme.test/team'),
        (
            "other.test/web",
            "no entry of registries.conf serves other.test: inferred from the name of the image",
        ),
    ],
)
def test_the_entry_is_told_with_why_it_serves_the_image(image, why):
    wanted = look_up(image)
    assert why_this_entry(wanted.table, wanted.settings.reference, wanted.endpoint) == why


def test_the_verdict_is_the_sentence_of_the_first_that_failed():
    first = failed(CheckName.TLS, "x", advice="Renew it.", blame=Blame.REGISTRY)
    later = failed(CheckName.CREDENTIALS, "y", advice="Correct it.", blame=Blame.CONFIGURATION)
    checks = (passed(CheckName.NAME, "z"), first, later, skipped(CheckName.API, because=first.name))
    found = Diagnosis("web", "https://acme.test", "team/web", checks)
    assert (found.verdict, found.first_failed) == ("Renew it.", first)


@pytest.mark.parametrize("kind", FailureKind)
@pytest.mark.parametrize("more", [{}, {"source": "env:X"}, {"is_web_page": True}], ids=str)
def test_each_failure_has_one_sentence_with_something_to_do(kind, more):
    advice = failure_advice(asked(**more), Failure(kind, "broken", 12.0))
    assert advice.endswith(".")
    assert ": " in advice
    assert "\n" not in advice
    assert advice.count(". ") == 0


def test_credentials_that_were_not_sent_are_explained_by_their_own_message():
    fault = Failure(FailureKind.DENIED, "not sent to a foreign host; give it as one of tokenHosts")
    check = login_check(asked(source="env:X"), (), fault, scope="s", withheld=True)
    assert check.advice == "Not sent to a foreign host; give it as one of tokenHosts."
    check = login_check(asked(source="env:X"), (), fault, scope="s")
    assert "refuses the credentials env:X" in check.advice


@pytest.mark.parametrize(
    ("quota", "retry_after_s", "outcome", "text"),
    [
        (None, None, CheckOutcome.OK, "the registry tells none"),
        (Quota(9, 10, 60.0, 5.0), None, CheckOutcome.OK, "9 requests left, limit 10 in 60 s, "),
        (None, 7.0, CheckOutcome.WARNING, "asks to wait 7 s"),
        (Quota(0, reset_s=30.0), None, CheckOutcome.FAILED, "0 requests left, renewed in 30 s"),
    ],
)
def test_limits_fail_only_where_nothing_is_left(quota, retry_after_s, outcome, text):
    check = limits_check(asked(), quota, retry_after_s=retry_after_s)
    assert (check.outcome, check.text.startswith(text)) == (outcome, True)


@pytest.mark.parametrize("kind", FaultKind)
def test_each_fault_of_a_handshake_has_a_sentence_also_without_a_certificate(kind):
    check = tls_check(way_to(asked().api, DIRECT), Fault(kind, "why"), unix_now=0.0)
    assert check.outcome is CheckOutcome.FAILED
    assert check.advice.endswith(".")
    assert "acme.test" in check.advice


@pytest.mark.parametrize(
    ("tags", "sort", "picked"),
    [
        (["1.0", "3.0", "2.0", "x"], "", ["3.0", "2.0", "1.0"]),
        (["a", "1.0", "b", "c", "1.0"], "", ["1.0", "c", "b"]),
        (["a", "b", "c", "d"], "latest-first", ["a", "b", "c"]),
        (["a", "b", "c", "d"], "latest-last", ["d", "c", "b"]),
        (["a"], "", ["a"]),
    ],
)
def test_the_likely_newest_are_picked_without_asking(tags, sort, picked):
    assert list(pick_tags(TagList(tuple(tags), sort), count=3)[0]) == picked


async def test_a_source_that_hangs_ends_in_time_and_the_rest_is_told(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "STEP_S", 0.2)
    program = tmp_path / "login"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o700)
    told = []
    wanted = look_up("acme.test/team/web", credentials=f"ext:{program}", environment={})
    found = await doctor.examine(wanted, on_check=told.append)
    assert tuple(told) == found.checks
    [check] = [one for one in found.checks if one.name is CheckName.CREDENTIALS]
    assert (check.outcome, check.blame) == (CheckOutcome.FAILED, Blame.CONFIGURATION)
    assert "no end within" in check.text


async def test_an_entry_that_cannot_be_used_ends_everything():
    found = await doctor.examine(look_up("acme.test/UPPER//x"))
    assert found.first_failed.blame is Blame.CONFIGURATION
    assert [one.outcome for one in found.checks[1:]] == [CheckOutcome.SKIPPED] * 11
