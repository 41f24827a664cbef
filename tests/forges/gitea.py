"""The part of Gitea's API that pull requests need, as its OpenAPI document describes it."""

from forges.model import Refused


class GiteaDialect:
    """Serves ``/api/v1/repos/OWNER/NAME``; `labels` are those that the repository has."""

    def __init__(self, model, *, token, owner="acme", name="deploy", labels=("images", "auto")):
        self.model = model
        self.token = token
        self.repository = [owner, name]
        self.labels = labels

    def __call__(self, call):
        if call.headers.get("Authorization") != f"token {self.token}":
            return 401, {"message": "token is required", "url": "https://gitea.test/api"}, {}
        if call.parts[:3] != ["api", "v1", "repos"] or call.parts[3:5] != self.repository:
            return 404, {"message": "not found"}, {}
        try:
            return self._repository(call, call.parts[5:])
        except Refused as refused:
            return refused.status, {"message": refused.message}, {}

    def _repository(self, call, parts):
        match (call.method, *parts):
            case ("GET", "labels"):
                return 200, [self._label(name) for name in self.labels], {}
            case ("GET", "pulls"):
                return 200, self._page(call.query), {}
            case ("POST", "pulls"):
                return 201, self._shown(self._created(call.body)), {}
            case ("PATCH", "pulls", number):
                return 201, self._shown(self._changed(self.model.get(int(number)), call.body)), {}
            case ("POST", "pulls", number, "requested_reviewers"):
                item = self.model.get(int(number))
                item.reviewers += call.body["reviewers"] + call.body["team_reviewers"]
                return 201, [], {}
            case ("POST", "pulls", number, "merge"):
                self.model.get(int(number)).auto_merge = call.body["merge_when_checks_succeed"]
                return 200, None, {}
            case ("POST", "issues", number, "comments"):
                self.model.get(int(number)).comments.append(call.body["body"])
                return 201, {"id": 1}, {}
            case ("POST", "issues", number, "labels"):
                item = self.model.get(int(number))
                item.labels += [self.labels[one - 1] for one in call.body["labels"]]
                return 200, [self._label(name) for name in item.labels], {}
        return 404, {"message": "not found"}, {}

    def _page(self, query):
        state = query["state"]
        items = [
            item for item in self.model.select() if (item.state == "open") == (state == "open")
        ]
        size, page = int(query["limit"]), int(query["page"])
        return [self._shown(item) for item in items[(page - 1) * size : page * size]]

    def _created(self, body):
        title = body["title"]
        return self.model.create(
            head=body["head"],
            base=body["base"],
            title=title,
            body=body["body"],
            draft=title.startswith("WIP: "),
            labels=[self.labels[number - 1] for number in body["labels"]],
            assignees=body["assignees"],
        )

    def _changed(self, item, body):
        item.title = body.get("title", item.title)
        item.body = body.get("body", item.body)
        if body.get("state") == "closed":
            item.state = "closed"
        return item

    def _label(self, name):
        return {"id": self.labels.index(name) + 1, "name": name}

    def _shown(self, item):
        full_name = "/".join(self.repository)
        return {
            "number": item.number,
            "html_url": f"https://gitea.test/{full_name}/pulls/{item.number}",
            "state": "open" if item.state == "open" else "closed",
            "merged": item.state == "merged",
            "title": item.title,
            "body": item.body,
            "draft": item.draft,
            "labels": [self._label(name) for name in item.labels],
            "head": {"ref": item.head, "sha": item.head_commit, "repo": {"full_name": full_name}},
            "base": {"ref": item.base, "repo": {"full_name": full_name}},
        }
