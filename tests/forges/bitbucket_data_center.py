"""The part of Bitbucket Data Center's API that pull requests need, as its documentation says.

Each change of a request makes a new version, and must name the one before.
"""

from forges.bitbucket import is_authorized
from forges.model import Refused

STATES = {"open": "OPEN", "merged": "MERGED", "closed": "DECLINED"}


class RefusedReviewer(Exception):
    """What is answered where somebody may not review; `context` of each error is a name."""

    def __init__(self, name):
        super().__init__(name)
        self.answer = _error("some reviewers", "InvalidPullRequestReviewersException")
        text = f"{name} may not review"
        self.answer["errors"][0]["reviewerErrors"] = [{"context": name, "message": text}]


class BitbucketDataCenterDialect:
    """Serves ``/rest/api/1.0/projects/KEY/repos/SLUG/pull-requests``.

    people: the users there are. refused_reviewer: may not see the repository. races: how often
    somebody else changes a request right after it was read. knows_drafts: newer versions do. homes:
    project keys of the forks that requests come from, by number.
    """

    def __init__(self, model, *, token, project="acme", slug="deploy", people=("jo", "mo")):
        self.model = model
        self.token = token
        self.project, self.slug = project, slug
        self.people = people
        self.refused_reviewer = ""
        self.races = 0
        self.knows_drafts = True
        self.page_size = 1000
        self.versions = {}
        self.homes = {}

    def __call__(self, call):
        if not is_authorized(call, self.token):
            return 401, _error("Authentication failed"), {}
        if call.parts == ["rest", "api", "1.0", "users"]:
            return 200, self._paged(call, self._users(call.query["filter"])), {}
        if call.parts[:8] != ["rest", "api", "1.0", "projects", self.project, "repos", self.slug,
                              "pull-requests"]:  # fmt: skip
            return 404, _error("Repository does not exist"), {}
        try:
            return self._repository(call, call.parts[8:])
        except Refused as refused:
            name = "DuplicatePullRequestException" if refused.status == 409 else "Exception"
            return refused.status, _error(refused.message, name), {}
        except RefusedReviewer as refused:
            return 409, refused.answer, {}

    def _repository(self, call, parts):
        match (call.method, *parts):
            case ("GET",):
                return 200, self._paged(call, self._listed(call.query)), {}
            case ("GET", number):
                shown = self._shown(self.model.get(int(number)))
                if self.races:
                    self.races -= 1
                    self._make_version(int(number))
                return 200, shown, {}
            case ("POST",):
                return self._create(call.body)
            case ("PUT", number):
                return self._versioned(int(number), call.body["version"], self._change, call.body)
            case ("POST", number, "decline"):
                version = int(call.query["version"])
                return self._versioned(int(number), version, self._end, call.body)
            case ("POST", number, "merge"):
                return self._versioned(int(number), call.body["version"], self._queue, call.body)
            case ("POST", number, "comments"):
                self.model.get(int(number)).comments.append(call.body["text"])
                return 201, {"id": 1}, {}
        return 404, _error("Not found"), {}

    def _listed(self, query):
        assert query["direction"] == "OUTGOING"
        found = self.model.select(head=query["at"].removeprefix("refs/heads/"))
        wanted = query["state"]
        return [self._shown(item) for item in found if wanted in {"ALL", STATES[item.state]}]

    def _paged(self, call, values):
        start = int(call.query.get("start", "0"))
        end = start + min(int(call.query["limit"]), self.page_size)
        page = {"values": values[start:end], "start": start, "isLastPage": end >= len(values)}
        return page if page["isLastPage"] else page | {"nextPageStart": end}

    def _create(self, body):
        reviewers = self._reviewers(body)
        item = self.model.create(
            head=body["fromRef"]["id"].removeprefix("refs/heads/"),
            base=body["toRef"]["id"].removeprefix("refs/heads/"),
            title=body["title"],
            body=body["description"],
            draft=body["draft"] and self.knows_drafts,
            reviewers=reviewers,
        )
        return 201, self._shown(item), {}

    def _versioned(self, number, version, change, body):
        item = self.model.get(number)
        if version != self.versions.get(number, 0):
            return 409, _error("out of date", "PullRequestOutOfDateException"), {}
        change(item, body)
        self._make_version(number)
        return 200, self._shown(item), {}

    def _make_version(self, number):
        self.versions[number] = self.versions.get(number, 0) + 1

    def _change(self, item, body):
        item.reviewers = self._reviewers(body)
        item.title, item.body = body["title"], body["description"]
        item.draft = body.get("draft", False)

    def _reviewers(self, body):
        names = [one["user"]["name"] for one in body.get("reviewers", [])]
        if self.refused_reviewer in names:
            raise RefusedReviewer(self.refused_reviewer)
        return names

    def _end(self, item, _body):
        item.state = "closed"

    def _queue(self, item, body):
        item.auto_merge = body["autoMerge"]

    def _users(self, wanted):
        users = map(self._user, self.people)
        return [user for user in users if wanted.lower() in str(user).lower()]

    def _user(self, name):
        return {"name": name, "slug": name, "displayName": name.title(),
                "emailAddress": f"{name}@example.com"}  # fmt: skip

    def _shown(self, item):
        own = {"slug": self.slug, "project": {"key": self.project}}
        home = {"slug": self.slug, "project": {"key": self.homes.get(item.number, self.project)}}
        address = f"https://bitbucket.test/projects/{self.project}/repos/{self.slug}"
        shown = {
            "id": item.number,
            "version": self.versions.get(item.number, 0),
            "links": {"self": [{"href": f"{address}/pull-requests/{item.number}"}]},
            "state": STATES[item.state],
            "title": item.title,
            "fromRef": {"id": f"refs/heads/{item.head}", "latestCommit": item.head_commit,
                        "repository": home},
            "toRef": {"id": f"refs/heads/{item.base}", "repository": own},
            "reviewers": [{"user": self._user(name)} for name in item.reviewers],
        }  # fmt: skip
        if item.body:
            shown["description"] = item.body
        return shown | ({"draft": item.draft} if self.knows_drafts else {})


def _error(message, exception="Exception"):
    name = f"com.atlassian.bitbucket.{exception}"
    return {"errors": [{"context": None, "message": message, "exceptionName": name}]}
