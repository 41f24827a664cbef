"""How a diagnosis is shown."""

from argocd_image_updater.cli.render.doctor import (
    diagnosis_document,
    render_check,
    render_verdict,
)
from argocd_image_updater.cli.render.terminal import Terminal
from argocd_image_updater.controller.doctor_checks import (
    CheckName,
    Diagnosis,
    failed,
    passed,
    warned,
)

HOSTILE = "https://me:s3cret@acme.test \x1b[2J"


def test_foreign_texts_cannot_steer_the_terminal_or_carry_a_login():
    check = failed(CheckName.API, HOSTILE, HOSTILE, advice=HOSTILE)
    diagnosis = Diagnosis("acme.test/web", HOSTILE, "web", (check,))
    shown = render_check(check, Terminal()) + render_verdict(diagnosis, Terminal())
    document = str(diagnosis_document(diagnosis, warnings=(HOSTILE,)))
    assert "\x1b" not in shown
    assert "s3cret" not in shown + document


def test_colours_are_used_where_they_are_wanted():
    check = warned(CheckName.TLS, "none")
    assert "\x1b[33m" in render_check(check, Terminal(colour=True))
    assert render_check(check, Terminal()) == "warning  tls          none\n"


def test_a_verdict_is_wrapped_on_a_terminal_only():
    diagnosis = Diagnosis("w", "https://a.test", "r/" + "x" * 30, (passed(CheckName.ENTRY, "e"),))
    assert render_verdict(diagnosis, Terminal()).count("\n") == 2
    narrow = render_verdict(diagnosis, Terminal(is_tty=True, width=40))
    assert max(map(len, narrow.splitlines())) <= 40
