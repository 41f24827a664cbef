"""What probes are told, in every state of a replica."""

import pytest

from argocd_image_updater.web.readiness import ProbeAnswer, Readiness, answer_probe

STANDBY = Readiness()
WARMING = Readiness(leads=True, role="leader", waiting_for="no cycle yet")
LEADER = Readiness(leads=True, is_warm=True, role="leader")


def ask(path, state, *, verbose=False, excluded=()):
    probe, _, check = path.partition("/")
    return answer_probe(probe, check, state=state, verbose=verbose, excluded=excluded)


@pytest.mark.parametrize("state", [STANDBY, WARMING, LEADER])
@pytest.mark.parametrize("path", ["healthz", "healthz/healthz"])
def test_whoever_serves_is_alive(path, state):
    assert ask(path, state) == ProbeAnswer(200, "ok")


@pytest.mark.parametrize("state", [STANDBY, LEADER])
def test_who_waits_for_its_turn_and_who_works_is_ready(state):
    assert ask("readyz", state) == ProbeAnswer(200, "ok")
    assert ask("readyz/warmup-check", state) == ProbeAnswer(200, "ok")


def test_who_works_is_not_ready_before_the_first_pass_is_over():
    assert ask("readyz", WARMING) == ProbeAnswer(
        500,
        "[+]leader ok\n[-]warmup-check failed: reason withheld\nrole: leader\n"
        "healthz check failed\n",
    )


def test_the_check_itself_tells_its_reason():
    answer = ask("readyz/warmup-check", WARMING)
    assert answer == ProbeAnswer(500, "internal server error: no cycle yet\n")


@pytest.mark.parametrize(("state", "role"), [(STANDBY, "standby"), (LEADER, "leader")])
def test_the_role_is_told_without_making_anybody_unready(state, role):
    assert ask("readyz/leader", state) == ProbeAnswer(200, role)
    assert f"role: {role}\n" in ask("readyz", state, verbose=True).text


def test_a_verbose_answer_lists_the_checks():
    assert ask("readyz", LEADER, verbose=True).text == (
        "[+]leader ok\n[+]warmup-check ok\nrole: leader\nhealthz check passed\n"
    )
    assert ask("healthz", LEADER, verbose=True).text == "[+]healthz ok\nhealthz check passed\n"


def test_an_excluded_check_cannot_fail():
    assert ask("readyz", WARMING, excluded=["warmup-check"]) == ProbeAnswer(200, "ok")
    text = ask("readyz", WARMING, verbose=True, excluded=["warmup-check"]).text
    assert "[+]warmup-check excluded: ok\n" in text
    assert text.endswith("healthz check passed\n")


def test_unknown_exclusions_are_only_mentioned_and_are_bounded():
    assert ask("readyz", LEADER, excluded=["x"]).text == "ok"
    text = ask("readyz", LEADER, verbose=True, excluded=["b", "a"]).text
    assert 'warn: some health checks cannot be excluded: no matches for "a", "b"\n' in text
    many = [f"{number:0200}" for number in range(1000)]
    assert len(ask("readyz", LEADER, verbose=True, excluded=many).text) < 1000


def test_an_unknown_check_is_not_found():
    assert ask("readyz/nothing", LEADER).status == 404
