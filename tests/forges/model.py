"""What every forge does with pull requests, whatever words its API has for it.

Head commits are those of a real bare repository. A request whose branch is removed is closed, and
one whose head is in its base is merged, as forges do it.
"""

import subprocess
from dataclasses import dataclass, field


@dataclass
class PullRequest:
    number: int
    head: str
    base: str
    title: str
    body: str
    head_commit: str
    state: str = "open"  # open | merged | closed
    draft: bool = False
    labels: list = field(default_factory=list)
    reviewers: list = field(default_factory=list)
    assignees: list = field(default_factory=list)
    comments: list = field(default_factory=list)
    auto_merge: bool = False


class Refused(Exception):
    """What a forge answers in place of doing it."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status
        self.message = message


class RequestModel:
    """The requests of one repository."""

    def __init__(self, repository):
        self.repository = repository
        self.requests = []

    def tip(self, branch):
        command = ["git", "-C", str(self.repository), "rev-parse", "-q", "--verify"]
        answer = subprocess.run(
            [*command, f"refs/heads/{branch}"], capture_output=True, text=True, check=False
        )
        return answer.stdout.strip()

    def select(self, *, head=None, base=None, state="all"):
        """Return the requests that fit, the newest first, with the commits of now."""
        self._look()
        return [
            item
            for item in reversed(self.requests)
            if head in (None, item.head)
            and base in (None, item.base)
            and (state == "all" or (state == "open") == (item.state == "open"))
        ]

    def get(self, number):
        self._look()
        for item in self.requests:
            if item.number == number:
                return item
        raise Refused(404, "Not Found")

    def create(self, *, head, base, title, body, **more):
        if self.select(head=head, base=base, state="open"):
            raise Refused(409, "already exists")
        commit = self.tip(head)
        if not commit or not self.tip(base):
            raise Refused(422, "a branch does not exist")
        if commit == self.tip(base):
            raise Refused(422, f"No commits between {base} and {head}")
        item = PullRequest(len(self.requests) + 1, head, base, title, body, commit, **more)
        self.requests.append(item)
        return item

    def merge(self, number):
        """Merge as a person does: the base gets the commits of the head."""
        item = self.get(number)
        subprocess.run(
            ["git", "-C", str(self.repository), "update-ref",
             f"refs/heads/{item.base}", item.head_commit],
            check=True,
        )  # fmt: skip
        item.state = "merged"

    def _look(self):
        for item in self.requests:
            if item.state == "open":
                commit = self.tip(item.head)
                item.head_commit = commit or item.head_commit
                item.state = "open" if commit else "closed"
