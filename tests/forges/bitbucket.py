"""The part of Bitbucket Cloud's API that pull requests need, as its documentation describes it.

A second creation for the same branches changes the first request, a change takes away the reviewers
that it does not name, and commits are told by their first twelve digits.
"""

import base64
import re
from urllib.parse import urlencode

from forges.model import Refused

API = "https://api.bitbucket.org"
STATES = {"open": "OPEN", "merged": "MERGED", "closed": "DECLINED"}
CONDITION = re.compile(r'([a-z_.]+) = "((?:[^"\\]|\\.)*)"')


def is_authorized(call, token):
    """Whether a call has the token, as Bearer or as the password of somebody."""
    kind, _, text = (call.headers.get("Authorization") or "").partition(" ")
    if kind == "Basic":
        text = base64.b64decode(text).decode().partition(":")[2]
    return kind in {"Basic", "Bearer"} and text == token


class BitbucketDialect:
    """Serves ``/2.0/repositories/WORKSPACE/NAME/pullrequests``.

    members: of the workspace, as many on a page as `page_size`. refused_reviewer: nobody may ask
    them. homes: full names of the forks that requests come from, by number.
    """

    def __init__(self, model, *, token, workspace="acme", name="deploy", members=("jo", "mo")):
        self.model = model
        self.token = token
        self.workspace = workspace
        self.full_name = f"{workspace}/{name}"
        self.members = members
        self.page_size = 100
        self.refused_reviewer = ""
        self.homes = {}

    def __call__(self, call):
        if not is_authorized(call, self.token):
            return 401, _error("Token is invalid"), {}
        if call.parts == ["2.0", "workspaces", self.workspace, "members"]:
            return 200, self._paged(call, [{"user": self._user(one)} for one in self.members]), {}
        if call.parts[:2] != ["2.0", "repositories"] or call.parts[4:5] != ["pullrequests"]:
            return 404, _error("Resource not found"), {}
        if "/".join(call.parts[2:4]) != self.full_name:
            return 404, _error("Repository not found"), {}
        try:
            return self._repository(call, call.parts[5:])
        except Refused as refused:
            return refused.status, _error(refused.message), {}

    def _repository(self, call, parts):
        match (call.method, *parts):
            case ("GET",):
                return 200, self._paged(call, self._listed(call)), {}
            case ("GET", number):
                return 200, self._shown(self.model.get(int(number))), {}
            case ("POST",):
                return 201, self._shown(self._created(call.body)), {}
            case ("PUT", number):
                return 200, self._shown(self._changed(self.model.get(int(number)), call.body)), {}
            case ("POST", number, "comments"):
                self.model.get(int(number)).comments.append(call.body["content"]["raw"])
                return 201, {"id": 1}, {}
            case ("POST", number, "decline"):
                item = self.model.get(int(number))
                item.state = "closed"
                return 200, self._shown(item), {}
        return 404, _error("Resource not found"), {}

    def _listed(self, call):
        wanted = {name: re.sub(r"\\(.)", r"\1", text) for name, text in
                  CONDITION.findall(call.query["q"])}  # fmt: skip
        states = {value for name, value in call.pairs if name == "state"}
        found = self.model.select(
            head=wanted["source.branch.name"], base=wanted["destination.branch.name"]
        )
        return [self._shown(item) for item in found if STATES[item.state] in states]

    def _paged(self, call, values):
        size = min(int(call.query["pagelen"]), self.page_size)
        page = int(call.query.get("page", "1"))
        answer = {"values": values[(page - 1) * size : page * size], "pagelen": size, "page": page}
        if page * size < len(values):
            pairs = [pair for pair in call.pairs if pair[0] != "page"] + [("page", page + 1)]
            answer["next"] = f"{API}{call.raw_path}?{urlencode(pairs)}"
        return answer

    def _created(self, body):
        head, base = body["source"]["branch"]["name"], body["destination"]["branch"]["name"]
        opened = self.model.select(head=head, base=base, state="open")
        if opened:
            return self._changed(opened[0], body)
        reviewers = self._people(body)
        return self.model.create(
            head=head,
            base=base,
            title=body["title"],
            body=body["description"],
            draft=body.get("draft", False),
            reviewers=reviewers,
        )

    def _changed(self, item, body):
        item.reviewers = self._people(body)
        item.title, item.body = body["title"], body["description"]
        item.draft = body.get("draft", False)
        return item

    def _people(self, body):
        people = [one["uuid"].strip("{}") for one in body.get("reviewers", [])]
        if self.refused_reviewer in people:
            raise Refused(400, f"{self.refused_reviewer} is the author, and no reviewer")
        return people

    def _user(self, name):
        return {"uuid": f"{{{name}}}", "account_id": f"70121:{name}", "nickname": name,
                "display_name": f"{name} of the team", "type": "user"}  # fmt: skip

    def _shown(self, item):
        home = self.homes.get(item.number, self.full_name)
        return {
            "id": item.number,
            "links": {"html": {"href": f"https://bitbucket.org/{self.full_name}/pull-requests/"
                                       f"{item.number}"}},
            "state": STATES[item.state],
            "title": item.title,
            "description": item.body,
            "draft": item.draft,
            "close_source_branch": False,
            "reviewers": [self._user(name) for name in item.reviewers],
            "source": {
                "branch": {"name": item.head},
                "commit": {"hash": item.head_commit[:12]},
                "repository": {"full_name": home} if home else None,
            },
            "destination": {"branch": {"name": item.base}},
        }  # fmt: skip


def _error(message):
    return {"type": "error", "error": {"message": message}}
