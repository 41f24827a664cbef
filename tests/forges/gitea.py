"""The part of Gitea's API that pull requests need, as its OpenAPI document describes it."""

from forges.model import Refused


class GiteaDialect:
    """Serves ``/api/v1/repos/OWNER/NAME``; `labels` are those that the repository has."""

    def __init__(self, model, *, token, owner="acme", name="deploy", labels=("images", "auto")):
        self.model = model
        self.token = token
        self.repository = [owner, name]
        self.labels = labels
        self.shared = ()  # labels of the organization
        self.merge_style = "squash"
        self.checks = 1  # questions until it is known that a request can be merged
        self.page_limit = 50
        self.tells_total = True

    def __call__(self, call):
        if call.headers.get("Authorization") != f"token {self.token}":
            return 401, {"message": "token is required", "url": "https://gitea.test/api"}, {}
        if call.parts[:5] == ["api", "v1", "orgs", self.repository[0], "labels"]:
            shown = [{"id": 1000 + number, "name": name} for number, name in enumerate(self.shared)]
            return self._page(shown, call.query)
        if call.parts[:3] != ["api", "v1", "repos"] or call.parts[3:5] != self.repository:
            return 404, {"message": "not found"}, {}
        try:
            return self._repository(call, call.parts[5:])
        except Refused as refused:
            return refused.status, {"message": refused.message}, {}

    def _repository(self, call, parts):
        match (call.method, *parts):
            case ("GET", "labels"):
                return self._page([self._label(name) for name in self.labels], call.query)
            case ("GET", "pulls"):
                state = call.query["state"]
                items = [
                    self._shown(item)
                    for item in self.model.select(base=call.query["base_branch"])
                    if (item.state == "open") == (state == "open")
                ]
                return self._page(items, call.query)
            case ("GET", "pulls", number):
                shown = self._shown(self.model.get(int(number)))
                self.checks -= 1
                return 200, {**shown, "mergeable": self.checks < 0}, {}
            case ("POST", "pulls"):
                return 201, self._shown(self._created(call.body)), {}
            case ("PATCH", "pulls", number):
                return 201, self._shown(self._changed(self.model.get(int(number)), call.body)), {}
            case ("POST", "pulls", number, "requested_reviewers"):
                item = self.model.get(int(number))
                item.reviewers += call.body["reviewers"] + call.body["team_reviewers"]
                return 201, [], {}
            case ("POST", "pulls", number, "merge"):
                item = self.model.get(int(number))
                if self.checks >= 0 or item.draft:
                    return 405, {"message": "Please try again later"}, {}
                assert call.body["head_commit_id"] == item.head_commit
                assert call.body["Do"] == self.merge_style
                item.auto_merge = call.body["merge_when_checks_succeed"]
                return 201, None, {}
            case ("POST", "issues", number, "comments"):
                self.model.get(int(number)).comments.append(call.body["body"])
                return 201, {"id": 1}, {}
            case ("POST", "issues", number, "labels"):
                item = self.model.get(int(number))
                item.labels += [self._name(one) for one in call.body["labels"]]
                return 200, [self._label(name) for name in item.labels], {}
        return 404, {"message": "not found"}, {}

    def _page(self, items, query):
        size, page = min(int(query["limit"]), self.page_limit), int(query["page"])
        headers = {"X-Total-Count": str(len(items))} if self.tells_total else {}
        return 200, items[(page - 1) * size : page * size], headers

    def _created(self, body):
        title = body["title"]
        return self.model.create(
            head=body["head"],
            base=body["base"],
            title=title,
            body=body["body"],
            draft=title.startswith("WIP: "),
            labels=[self._name(number) for number in body["labels"]],
            assignees=body["assignees"],
        )

    def _changed(self, item, body):
        item.title = body.get("title", item.title)
        item.body = body.get("body", item.body)
        if body.get("state") == "closed":
            item.state = "closed"
        return item

    def _name(self, number):
        return self.shared[number - 1000] if number >= 1000 else self.labels[number - 1]

    def _label(self, name):
        number = 1000 + self.shared.index(name) if name in self.shared else None
        return {"id": number or self.labels.index(name) + 1, "name": name}

    def _shown(self, item):
        full_name = "/".join(self.repository)
        is_there = self.model.tip(item.head)
        return {
            "number": item.number,
            "html_url": f"https://gitea.test/{full_name}/pulls/{item.number}",
            "state": "open" if item.state == "open" else "closed",
            "merged": item.state == "merged",
            "title": item.title,
            "body": item.body,
            "draft": item.draft,
            "labels": [self._label(name) for name in item.labels],
            "head": {
                "label": item.head,
                "ref": item.head if is_there else f"refs/pull/{item.number}/head",
                "sha": item.head_commit,
                "repo": {"full_name": full_name},
            },
            "base": {
                "label": item.base,
                "ref": item.base,
                "repo": {"full_name": full_name, "default_merge_style": self.merge_style},
            },
        }
