"""Read user and password from a variable, a Secret and the output of a program."""

import json
import shlex

from argocd_image_updater.core.facts import Failure
from argocd_image_updater.registry.endpoint import Endpoint
from vectors.credential_cases import resolver

VECTORS = "credential_value"

STRIP = "GAP: strip line ends at the end of the value"
REFUSE = "GAP: more than one line may be refused"


def program(case: dict, folder) -> str:
    path = folder / "credentials.sh"
    if case.get("directory"):
        return str(folder)
    output = folder / "output"
    output.write_text(case["value"], newline="")
    complaint = shlex.quote(case.get("stderr", ""))
    path.write_text(
        f"#!/bin/sh\ncat {shlex.quote(str(output))}\nprintf %s {complaint} >&2\n"
        f"exit {case.get('exit_code', 0)}\n"
    )
    path.chmod(0o700)
    return str(folder / "missing.sh") if case.get("missing") else str(path)


async def test_a_value_becomes_user_and_password(case, tmp_path):
    kind, value = case["kind"], case.get("value", "")
    reference = "secret:ns/name#field"
    environ = {"PATH": "/usr/bin:/bin"}
    if kind == "env":
        reference = "env:CREDENTIALS"
        environ |= {} if case.get("unset") else {"CREDENTIALS": value}
    elif kind == "ext":
        reference = f"ext:{case.get('path') or program(case, tmp_path)}"
    credentials = resolver(environ=environ, secrets={("ns", "name"): {"field": value.encode()}})
    answer = await credentials.fetch(Endpoint("R", "r.test", "https://r.test", "", reference))
    flag = case.get("deviation_allowed")
    if case.get("error") or flag == REFUSE:
        assert isinstance(answer, Failure)
        assert not value or json.dumps(value)[1:-1] not in answer.message
        return
    wanted = {
        key: text.rstrip("\r\n") if flag == STRIP else text for key, text in case["expect"].items()
    }
    assert {"username": answer.username, "password": answer.password} == wanted
