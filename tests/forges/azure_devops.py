"""The part of Azure DevOps' API that pull requests need, as its documentation describes it.

A list tells 400 characters of a description, and none may be longer than 4,000.
"""

from forges.bitbucket import is_authorized
from forges.model import Refused

STATES = {"open": "active", "merged": "completed", "closed": "abandoned"}
AUTHOR = "00000000-0000-4000-8000-00000000000a"
TOLD, LONGEST = 400, 4000


class AzureDevOpsDialect:
    """Serves ``/ORGANIZATION/PROJECT/_apis/git/repositories/NAME/pullrequests``.

    teams: with the people in them; each has an id that ends like their name in hexadecimal. forks:
    the numbers of requests that come from a fork.
    """

    def __init__(self, model, *, token, organization="acme", project="project", name="deploy"):
        self.model = model
        self.token = token
        self.organization, self.project, self.name = organization, project, name
        self.teams = {"platform": ("mo",), "deploy": ("jo",)}
        self.forks = set()

    def __call__(self, call):
        if not is_authorized(call, self.token):
            return 401, None, {}
        if call.query.get("api-version", "").partition("-")[0] != "5.1":
            return 400, {"message": "No api-version was supplied"}, {}
        if call.parts[:4] == [self.organization, "_apis", "projects", self.project]:
            return 200, {"value": self._teams(call.parts[5:])}, {}
        root = [self.organization, self.project, "_apis", "git", "repositories", self.name]
        if call.parts[:7] != [*root, "pullrequests"]:
            return 404, {"message": "TF401019: The Git repository does not exist"}, {}
        try:
            return self._repository(call, call.parts[7:])
        except Refused as refused:
            text = refused.message
            if refused.status == 409:
                text = "TF401179: An active pull request for the branches already exists."
            return refused.status, {"message": text}, {}

    def _repository(self, call, parts):
        match (call.method, *parts):
            case ("GET",):
                return 200, {"value": [_told(one) for one in self._page(call.query)]}, {}
            case ("GET", number):
                return 200, self._shown(self.model.get(int(number))), {}
            case ("POST",):
                return 201, self._shown(self._created(call.body)), {}
            case ("PATCH", number):
                return 200, self._shown(self._changed(self.model.get(int(number)), call.body)), {}
            case ("POST", number, "labels"):
                self.model.get(int(number)).labels.append(call.body["name"])
                return 200, {"name": call.body["name"], "active": True}, {}
            case ("PUT", number, "reviewers", identity):
                self.model.get(int(number)).reviewers.append(identity)
                return 201, {"id": identity}, {}
            case ("POST", number, "threads"):
                (said,) = call.body["comments"]
                self.model.get(int(number)).comments.append(said["content"])
                return 200, {"id": 1}, {}
        return 404, {"message": "not found"}, {}

    def _page(self, query):
        wanted = query["searchCriteria.status"]
        found = [
            self._shown(item)
            for item in self.model.select(
                head=query["searchCriteria.sourceRefName"].removeprefix("refs/heads/"),
                base=query["searchCriteria.targetRefName"].removeprefix("refs/heads/"),
            )
            if wanted in {"all", STATES[item.state]}
        ]
        first = int(query["$skip"])
        return found[first : first + int(query["$top"])]

    def _created(self, body):
        _check(body)
        return self.model.create(
            head=body["sourceRefName"].removeprefix("refs/heads/"),
            base=body["targetRefName"].removeprefix("refs/heads/"),
            title=body["title"],
            body=body["description"],
            draft=body["isDraft"],
        )

    def _changed(self, item, body):
        _check(body)
        item.title = body.get("title", item.title)
        item.body = body.get("description", item.body)
        if body.get("status") == "abandoned":
            item.state = "closed"
        if "autoCompleteSetBy" in body:
            item.auto_merge = body["autoCompleteSetBy"]["id"] == AUTHOR
        return item

    def _teams(self, parts):
        if not parts:
            return [{"id": identity(name), "name": name} for name in self.teams]
        (members,) = (people for name, people in self.teams.items() if identity(name) == parts[0])
        return [
            {"identity": {"id": identity(name), "uniqueName": f"{name}@example.com",
                          "displayName": name}}
            for name in members
        ]  # fmt: skip

    def _shown(self, item):
        shown = {
            "pullRequestId": item.number,
            "status": STATES[item.state],
            "createdBy": {"id": AUTHOR},
            "title": item.title,
            "sourceRefName": f"refs/heads/{item.head}",
            "targetRefName": f"refs/heads/{item.base}",
            "isDraft": item.draft,
            "labels": [{"name": name, "active": True} for name in item.labels],
            "lastMergeSourceCommit": {"commitId": item.head_commit},
        }
        if item.body:
            shown["description"] = item.body
        if item.number in self.forks:
            shown["forkSource"] = {"name": shown["sourceRefName"], "repository": {"id": "fork"}}
        return shown


def identity(name):
    return f"00000000-0000-4000-8000-{name.encode().hex()[:12]:0>12}"


def _told(shown):
    return shown | {"description": shown.get("description", "")[:TOLD]}


def _check(body):
    if len(body.get("description", "")) > LONGEST:
        raise Refused(400, "The description is longer than 4000 characters")
