"""Other people who commit to the same branch, all the time, each from a clone of his own.

Each owns one line of a shared file and counts in it, so whatever is lost or undone is noticed by
its owner at once, and whatever is made twice is seen in the log.
"""

import random
import re
import threading

from servers.git_server import git

LIMIT_S = 60


def shared_text(names):
    """Return the shared file before anybody has counted."""
    return "# one line for each of us\n" + "".join(f"{name}: 0 # ours\n" for name in names)


def counted(text, name, *, number):
    """Return the shared file with the next number of one owner; what stands there is checked."""
    before = f"{name}: {number - 1} # ours\n"
    assert before in text, f"{name} has lost {number - 1}: {text}"
    return text.replace(before, f"{name}: {number} # ours\n")


class Committer(threading.Thread):
    """One of them; commits until told to end, and so often at least.

    Use `finish`, which returns how often he did.
    """

    def __init__(self, name, bare, folder, *, pause_s, least):
        super().__init__(name=name)
        self.clone = folder / f"{name}.git"
        self.bare = bare
        self.number = 0
        self.rejected = 0
        self.fault = None
        self._random = random.Random(name)
        self._pause_s = pause_s
        self._least = least
        self._end = threading.Event()
        git("clone", "--quiet", "--bare", bare, self.clone)
        self.start()

    def finish(self):
        self._end.set()
        self.join(LIMIT_S)
        assert not self.is_alive()
        if self.fault:
            raise self.fault
        return self.number

    def run(self):
        try:
            while not self._end.is_set() or self.number < self._least:
                self._commit()
                self._end.wait(self._pause_s * 2 * self._random.random())
        except (AssertionError, RuntimeError) as fault:
            self.fault = fault

    def _commit(self):
        """Fetch, commit and push; who finds that somebody was quicker begins again."""
        while True:
            git("-C", self.clone, "fetch", "--quiet", "origin", "+main:refs/heads/theirs")
            text = git("-C", self.clone, "cat-file", "blob", "theirs:shared.yaml").decode()
            text = counted(text, self.name, number=self.number + 1)
            self._make(text, message=f"{self.name} {self.number + 1}")
            try:
                git("-C", self.clone, "push", "--quiet", "origin", "mine:main")
            except RuntimeError as error:
                if not re.search("rejected|failed to|cannot lock", str(error)):
                    raise
                self.rejected += 1
                continue
            self.number += 1
            return

    def _make(self, text, *, message):
        content = text.encode()
        stream = (
            "reset refs/heads/mine\nfrom refs/heads/theirs\n\n"
            "commit refs/heads/mine\ncommitter Somebody <somebody@example.com> 1700000000 +0000\n"
            f"data {len(message)}\n{message}\n"
            f"M 644 inline shared.yaml\ndata {len(content)}\n"
        )
        git(
            "-C", self.clone, "fast-import", "--quiet", "--force",
            stdin=stream.encode() + content + b"\n",
        )  # fmt: skip
