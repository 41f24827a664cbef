"""Read user and password from a variable, a Secret and the output of a program."""

import json
import shlex

from argocd_image_updater.core.facts import Failure
from argocd_image_updater.registry.endpoint import Endpoint
from vectors.credential_cases import resolver
from vectors.credential_rules import without_line_ends
from vectors.flags import is_flagged, rule_of

VECTORS = "credential_value"

REFUSED = "refused"


def program(case: dict, folder) -> str:
    path = folder / "credentials.sh"
    if case.get("directory"):
        return str(folder)
    output = folder / "output"
    output.write_text(case.get("value", ""), newline="")
    complaint = shlex.quote(case.get("stderr", ""))
    path.write_text(
        f"#!/bin/sh\ncat {shlex.quote(str(output))}\nprintf %s {complaint} >&2\n"
        f"exit {case.get('exit_code', 0)}\n"
    )
    path.chmod(0o700)
    return str(folder / "missing.sh") if case.get("missing") else str(path)


async def test_a_value_becomes_user_and_password(case, tmp_path):
    outcome = await outcome_of(case, tmp_path)
    recorded = REFUSED if case.get("error") else case["expect"]
    if is_flagged(case) and outcome != recorded:
        rule = rule_of(case, RULES) or nothing_or_the_value
        assert rule(case, outcome), outcome
    else:
        assert outcome == recorded


async def outcome_of(case, folder):
    """Return user and password, or a refusal that does not tell the value."""
    kind, value = case["kind"], case.get("value") or ""
    reference = "secret:ns/name#field"
    environ = {"PATH": "/usr/bin:/bin"}
    if kind == "env":
        reference = "env:CREDENTIALS"
        environ |= {} if case.get("unset") else {"CREDENTIALS": value}
    elif kind == "ext":
        reference = f"ext:{case.get('path') or program(case, folder)}"
    credentials = resolver(environ=environ, secrets={("ns", "name"): {"field": value.encode()}})
    answer = await credentials.fetch(Endpoint("R", "r.test", "https://r.test", "", reference))
    if isinstance(answer, Failure):
        assert not value or json.dumps(value)[1:-1] not in answer.message
        return REFUSED
    return {"username": answer.username, "password": answer.password}


def is_refused(_case, outcome):
    return outcome == REFUSED


def line_ends_are_cut(case, outcome):
    return outcome == without_line_ends(case["expect"])


def nothing_or_the_value(case, outcome):
    """Invariant of this file: user and password are parts of the value, or there are none."""
    if outcome == REFUSED:
        return True
    value = case.get("value", "")
    return value.startswith(outcome["username"]) and outcome["password"] in value


RULES = {
    "strip line ends": line_ends_are_cut,
    "more than one line": is_refused,
}
