"""The part of GitHub's API that pull requests and commits need, as its documentation says."""

from forges.github_commits import CommitApi
from forges.model import Refused


class GitHubDialect:
    """Serves ``/api/v3/repos/OWNER/NAME`` of an enterprise server."""

    def __init__(self, model, *, token, owner="acme", name="deploy"):
        self.model = model
        self.token = token
        self.repository = [owner, name]
        self.commits = CommitApi(model.repository, owner=owner, name=name)

    def __call__(self, call):
        if call.headers.get("Authorization") != f"Bearer {self.token}":
            return 401, {"message": "Bad credentials"}, {}
        if call.parts == ["api", "graphql"]:
            return self._graphql(call)
        if call.parts[:3] != ["api", "v3", "repos"] or call.parts[3:5] != self.repository:
            return 404, {"message": "Not Found"}, {}
        try:
            return self._repository(call, call.parts[5:])
        except Refused as refused:
            return self._refusal(refused)

    def _repository(self, call, parts):
        match (call.method, *parts):
            case ("GET", "pulls"):
                owner, _, head = call.query.get("head", "").partition(":")
                assert owner == self.repository[0]
                found = self.model.select(
                    head=head, base=call.query.get("base"), state=call.query.get("state", "open")
                )
                count = int(call.query.get("per_page", "30"))
                return 200, [self._shown(item) for item in found[:count]], {}
            case ("POST", "pulls"):
                return 201, self._shown(self.model.create(**call.body)), {}
            case ("PATCH", "pulls", number):
                return 200, self._shown(self._changed(self.model.get(int(number)), call.body)), {}
            case ("POST", "issues", number, "comments"):
                self.model.get(int(number)).comments.append(call.body["body"])
                return 201, {"id": 1}, {}
            case ("POST", "issues", number, "labels"):
                item = self.model.get(int(number))
                item.labels += [name for name in call.body if name not in item.labels]
                return 200, [{"name": name} for name in item.labels], {}
            case ("POST", "issues", number, "assignees"):
                item = self.model.get(int(number))
                item.assignees += call.body["assignees"]
                return 201, self._shown(item), {}
            case ("POST", "pulls", number, "requested_reviewers"):
                item = self.model.get(int(number))
                item.reviewers += call.body["reviewers"] + call.body["team_reviewers"]
                return 201, self._shown(item), {}
        if answer := self.commits.rest(call.method, parts, call.body):
            return answer
        return 404, {"message": "Not Found"}, {}

    def _changed(self, item, body):
        item.title = body.get("title", item.title)
        item.body = body.get("body", item.body)
        if body.get("state") == "closed":
            item.state = "closed"
        return item

    def _graphql(self, call):
        if "createCommitOnBranch" in call.body["query"]:
            return self.commits.create_commit(call.body["variables"]["input"])
        number = int(call.body["variables"]["id"].removeprefix("PR_"))
        self.model.get(number).auto_merge = True
        return 200, {"data": {"enablePullRequestAutoMerge": {"clientMutationId": None}}}, {}

    def _refusal(self, refused):
        if refused.status == 409:
            text = "A pull request already exists for acme:branch."
            body = {"message": "Validation Failed", "errors": [{"message": text}]}
            return 422, body, {}
        return refused.status, {"message": refused.message}, {}

    def _shown(self, item):
        owner, name = self.repository
        return {
            "number": item.number,
            "node_id": f"PR_{item.number}",
            "html_url": f"https://github.test/{owner}/{name}/pull/{item.number}",
            "state": "open" if item.state == "open" else "closed",
            "merged_at": "2026-01-01T00:00:00Z" if item.state == "merged" else None,
            "title": item.title,
            "body": item.body or None,
            "draft": item.draft,
            "labels": [{"name": label} for label in item.labels],
            "head": {"ref": item.head, "sha": item.head_commit},
            "base": {"ref": item.base},
        }
