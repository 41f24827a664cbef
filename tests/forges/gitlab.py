"""The part of GitLab's REST API that merge requests need, as its documentation describes it."""

from forges.model import Refused

STATES = {"open": "opened", "merged": "merged", "closed": "closed"}


class GitLabDialect:
    """Serves ``/api/v4/projects/PATH/merge_requests``; `people` are the users there are."""

    def __init__(self, model, *, token, project="acme/deploy", people=("jo", "mo")):
        self.model = model
        self.token = token
        self.project = project
        self.people = people
        self.statuses = ["preparing", "checking"]  # of the next answers about one request
        self.forked = 0  # so many of the newest are from forks
        self.refusals = 1  # of automatic merge, until there is a pipeline

    def __call__(self, call):
        if self.token not in {
            call.headers.get("PRIVATE-TOKEN"),
            call.headers.get("JOB-TOKEN"),
            (call.headers.get("Authorization") or "").removeprefix("Bearer "),
        }:
            return 401, {"message": "401 Unauthorized"}, {}
        if call.parts == ["api", "v4", "users"]:
            name = call.query["username"]
            known = dict(zip(self.people, range(10, 99), strict=False))
            return 200, [{"id": known[name], "username": name}] if name in known else [], {}
        if call.parts[:5] != ["api", "v4", "projects", self.project, "merge_requests"]:
            return 404, {"message": "404 Project Not Found"}, {}
        try:
            return self._project(call, call.parts[5:])
        except Refused as refused:
            message = [refused.message] if refused.status == 409 else refused.message
            return refused.status, {"message": message}, {}

    def _project(self, call, parts):
        match (call.method, *parts):
            case ("GET",):
                found = self.model.select(
                    head=call.query["source_branch"], base=call.query["target_branch"]
                )
                shown = [self._shown(item) for item in found]
                for item in shown[: self.forked]:
                    item["source_project_id"] = 8
                size, page = int(call.query["per_page"]), int(call.query["page"])
                return 200, shown[(page - 1) * size : page * size], {}
            case ("POST",):
                return 201, self._shown(self._created(call.body)), {}
            case ("GET", number):
                status = self.statuses.pop(0) if self.statuses else "mergeable"
                shown = self._shown(self.model.get(int(number)))
                return 200, {**shown, "detailed_merge_status": status}, {}
            case ("PUT", number):
                return 200, self._shown(self._changed(self.model.get(int(number)), call.body)), {}
            case ("PUT", number, "merge"):
                item = self.model.get(int(number))
                assert call.body["sha"] == item.head_commit
                assert not self.statuses, "it has not been looked at"
                self.refusals -= 1
                if self.refusals >= 0:
                    return 405, {"message": "405 Method Not Allowed"}, {}
                item.auto_merge = True
                return 200, self._shown(item), {}
            case ("POST", number, "notes"):
                self.model.get(int(number)).comments.append(call.body["body"])
                return 201, {"id": 1}, {}
        return 404, {"error": "404 Not Found"}, {}

    def _created(self, body):
        named = dict(enumerate(self.people, 10))
        title = body["title"]
        return self.model.create(
            head=body["source_branch"],
            base=body["target_branch"],
            title=title,
            body=body["description"],
            draft=title.startswith("Draft: "),
            labels=[name for name in body["labels"].split(",") if name],
            assignees=[named[number] for number in body["assignee_ids"]],
            reviewers=[named[number] for number in body["reviewer_ids"]],
        )

    def _changed(self, item, body):
        item.title = body.get("title", item.title)
        item.body = body.get("description", item.body)
        for name in filter(None, body.get("add_labels", "").split(",")):
            if name not in item.labels:
                item.labels.append(name)
        if body.get("state_event") == "close":
            item.state = "closed"
        return item

    def _shown(self, item):
        return {
            "iid": item.number,
            "id": item.number + 1000,
            "web_url": f"https://gitlab.test/{self.project}/-/merge_requests/{item.number}",
            "source_branch": item.head,
            "target_branch": item.base,
            "source_project_id": 7,
            "target_project_id": 7,
            "title": item.title,
            "description": item.body or None,
            "state": STATES[item.state],
            "draft": item.draft,
            "labels": item.labels,
            "sha": item.head_commit,
        }
