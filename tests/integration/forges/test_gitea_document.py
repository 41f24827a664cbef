"""What Gitea is asked, and what its stand-in answers, is what Gitea's own OpenAPI document says."""

import json
import re
from pathlib import Path

import pytest

from integration.forges.conftest import HEAD
from lab_go import find_built

pytestmark = pytest.mark.lab("git", "gitea")
TYPES = {"string": str, "integer": int, "boolean": bool, "object": dict, "array": list}


class Document:
    """The OpenAPI document that a Gitea of the lab has among its templates."""

    def __init__(self):
        folder = Path(find_built("gitea")).parent / "templates" / "swagger"
        text = (folder / "v1_json.tmpl").read_text()
        self.content = json.loads(re.sub(r"\{\{[^{}]*\}\}", "", text))

    def operation(self, call):
        """Return the operation of a call: of templates that fit, the one with the most words."""
        path = call.path.removeprefix("/api/v1")
        found = [
            (template.count("{"), ways[call.method.lower()])
            for template, ways in self.content["paths"].items()
            if re.fullmatch(re.sub(r"\{[^{}]*\}", "[^/]+", template), path)
            and call.method.lower() in ways
        ]
        assert found, f"{call.method} {path} is not documented"
        return min(found, key=lambda item: item[0])[1]

    def resolved(self, schema):
        while "$ref" in schema:
            _, part, name = schema["$ref"].split("/")
            schema = self.content[part][name]
        return schema

    def check(self, value, schema, where):
        """Fail where a value has another form than its schema.

        Go leaves out what is empty, and reads names without regard to case: ``Do`` is what servers
        before 1.26 document.
        """
        schema = self.resolved(schema)
        if value is None:
            return
        if "type" in schema:
            wanted = TYPES[schema["type"]]
            assert isinstance(value, wanted), f"{where}: {value!r} is no {schema['type']}"
        if "enum" in schema:
            assert value in schema["enum"], f"{where}: {value!r} is none of {schema['enum']}"
        if isinstance(value, dict):
            known = schema["properties"]
            for name, inner in value.items():
                spelled = name.lower() if name == "Do" else name
                assert spelled in known, f"{where} has no {name}"
                self.check(inner, known[spelled], f"{where}.{name}")
        if isinstance(value, list):
            for item in value:
                self.check(item, schema["items"], where)


class Checked:
    """A dialect that fails where a question or its answer is not of the document."""

    def __init__(self, dialect):
        self.dialect = dialect
        self.document = Document()
        self.faults = []
        self.seen = set()

    def __call__(self, call):
        status, content, headers = self.dialect(call)
        try:
            self._check(call, status, content)
        except AssertionError as error:
            self.faults.append(str(error))
        return status, content, headers

    def _check(self, call, status, content):
        operation = self.document.operation(call)
        self.seen.add(operation["operationId"])
        query = {item["name"]: item for item in operation["parameters"] if item["in"] == "query"}
        for name, text in call.query.items():
            assert name in query, f"{operation['operationId']}: {name} cannot be asked"
            value = int(text) if query[name]["type"] == "integer" else text
            self.document.check(value, query[name], name)
        bodies = [item["schema"] for item in operation["parameters"] if item["in"] == "body"]
        if call.body is not None:
            self.document.check(call.body, bodies[0], f"question of {operation['operationId']}")
        answer = self.document.resolved(operation["responses"][str(status)])
        if status < 400 and content is not None:
            self.document.check(content, answer["schema"], f"answer of {operation['operationId']}")


async def test_questions_and_answers_are_those_of_the_document(make_desk):
    desk = make_desk("gitea")
    checked = desk.server.dialect = Checked(desk.server.dialect)
    forge = await desk.open()
    desk.commit()
    proposal = desk.proposal(
        labels=("images", "unknown"),
        reviewers=("jo", "acme/writers"),
        assignees=("mo",),
        auto_merge=True,
    )
    await forge.create(proposal)
    desk.requests.get(1).labels.clear()
    again = await forge.create(proposal)  # answered with a conflict
    await forge.close(again.request, comment="Superseded")
    await forge.find(heads=[HEAD], base="main")
    assert checked.faults == []
    assert checked.seen == {
        "issueAddLabel",
        "issueCreateComment",
        "issueListLabels",
        "orgListLabels",
        "repoCreatePullRequest",
        "repoCreatePullReviewRequests",
        "repoEditPullRequest",
        "repoGetPullRequest",
        "repoListPullRequests",
        "repoMergePullRequest",
    }
