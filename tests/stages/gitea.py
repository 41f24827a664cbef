"""A stage whose forge is a real Gitea, which keeps the Git repository too."""

import subprocess
from dataclasses import dataclass
from types import SimpleNamespace

from stages.requests import RequestStage


class GiteaRequests:
    """The pull requests of one repository, as its people see and end them."""

    def __init__(self, gitea, name, folder):
        self.gitea = gitea
        self.path = f"/repos/{name}"
        self.folder = folder

    def ask(self, method, path, body=None):
        return self.gitea.ask(method, f"{self.path}{path}", body)

    def select(self):
        """Return all requests, the newest first."""
        found = self.ask("GET", "/pulls?state=all&limit=50")
        return sorted(map(_shown, found), key=lambda item: -item.number)

    def get(self, number):
        """Return one request, of which more is told than in a list."""
        return _shown(self.ask("GET", f"/pulls/{number}"))

    def tip(self, branch):
        command = ["git", "-C", str(self.folder), "rev-parse", "-q", "--verify"]
        answer = subprocess.run(
            [*command, f"refs/heads/{branch}"], capture_output=True, text=True, check=False
        )
        return answer.stdout.strip()

    def comments(self, number):
        return [item["body"] for item in self.ask("GET", f"/issues/{number}/comments")]

    def close(self, number):
        """Close a request, and remove its branch as the button beside it does."""
        head = _shown(self.ask("PATCH", f"/pulls/{number}", {"state": "closed"})).head
        self.ask("DELETE", f"/branches/{head}")

    def merge(self, number):
        self.until(number, lambda item: item.mergeable)
        body = {"Do": "merge", "delete_branch_after_merge": True}
        self.ask("POST", f"/pulls/{number}/merge", body)

    def until(self, number, wanted):
        """Wait until Gitea tells of a request what is wanted; return the request."""
        return self.gitea.until(lambda: self.get(number), wanted)


@dataclass
class GiteaStage(RequestStage):
    """Application ``web``, whose values file is written through requests at a real Gitea."""

    kind: str = "gitea"

    def open_forge(self):
        full_name = f"{self.name}-deploy"
        self.requests = GiteaRequests(self.git, full_name, self.bare())

    def commit(self, path, content, *, branch="main"):
        return self.git.commit(f"{self.name}-deploy", {path: content}, branch=branch)


def _shown(item):
    ended = "merged" if item["merged"] else "closed"
    return SimpleNamespace(
        number=item["number"],
        url=item["html_url"],
        state="open" if item["state"] == "open" else ended,
        title=item["title"],
        body=item["body"],
        head=item["head"]["label"],
        head_commit=item["head"]["sha"],
        mergeable=item["mergeable"],
        author=item["user"]["login"],
        labels=[label["name"] for label in item["labels"]],
        assignees=[one["login"] for one in item["assignees"] or ()],
        reviewers=[one["login"] for one in item["requested_reviewers"] or ()],
        teams=[one["name"] for one in item["requested_reviewers_teams"] or ()],
    )
