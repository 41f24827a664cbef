"""Has one program meet all faults of registries, and notes what it does about each.

The program runs three cycles. The faults are there from the start, or begin after the first cycle
in which all was well; one cycle later they are over. Then it is started once more. What happens in
between happens while it stands still: its reports go into a pipe that is too small for one, so it
waits in the middle of its report until that is read.
"""

import fcntl
import json
import os
import re
import select
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import trustme
import yaml

from faults.http_proxy import FaultProxy
from faults.registry_cases import CASES, DIGEST, NEWEST_BUILD, RIGHT, SEMVER
from faults.registry_faults import Ground, tls_context
from registries.distribution import (
    PASSWORD,
    USERNAME,
    DistributionRegistry,
    basic_header,
    htpasswd_auth,
)
from registries.token_service import TokenService
from servers.git_server import git
from stages.standalone import (
    RUN_LIMIT_S,
    Outcome,
    application,
    check_report,
    git_write_back,
    images,
    reference,
    resource,
    source,
)

CYCLES = 3
EXPIRED_S = 600  # registries forgive a minute
_PIPE_BYTES = 4096  # the smallest; a report has tens of thousands
_POLL_S = 0.2
_WORDS = (
    "run", "--interval", "1s", "--credential-program-timeout", "1s", "--output", "json",
    "--loglevel", "trace",
)  # fmt: skip


@dataclass(frozen=True)
class Seen:
    """What one cycle made of one case. value: what stood in Git at its end, `before` earlier."""

    reason: str
    outcome: str
    message: str
    requests: int
    before: str
    value: str


@dataclass
class Observed:
    """What became of a case. right: what must stand in Git when its fault is over."""

    right: str
    cycles: list = field(default_factory=list)


class Matrix:
    """Use `run` once; `observed` has what was seen, by the name of the case."""

    def __init__(self, stage, registries):
        self._stage = stage
        self._registries = registries.by_name
        self._old_token = registries.old_token
        self._authority = trustme.CA()
        self._grounds = {}
        self._fronts = {}
        self._noted = {}
        self._values = {}
        self.observed = {}

    def run(self):
        with self._open_fronts():
            self._prepare()
            with self._started() as (process, pipe):
                for number in range(CYCLES):
                    select.select([pipe], [], [], RUN_LIMIT_S)
                    seen = self._look()
                    self._switch(number)
                    self._note(_report(pipe), seen)
                process.send_signal(signal.SIGTERM)
                assert process.wait(RUN_LIMIT_S) == 0
            outcome = self._stage.run()
            assert outcome.code == 0, outcome.out
            self._note(outcome.report, self._look())

    @contextmanager
    def _open_fronts(self):
        """Open a proxy for each case, or for those that share a host."""
        with ThreadPoolExecutor(len(CASES)) as closing, ExitStack() as opened:
            for case in CASES:
                if (host := case.host or case.name) not in self._fronts:
                    tls = None
                    if case.fault.tls:
                        tls = tls_context(self._authority.issue_cert("localhost"))
                    upstream = self._registries[case.fault.upstream]
                    front = FaultProxy(upstream, tls=tls, poll_s=_POLL_S)
                    self._fronts[host] = front.__enter__()  # its end is asked for beside others
                    opened.callback(closing.submit, front.__exit__)
            yield

    def _prepare(self):
        stage = self._stage
        files = {}
        for case in CASES:
            self._grounds[case.name] = ground = Ground(
                stage,
                stage.folder / case.name,
                f"{stage.name}/{case.name}",
                self._registries[case.fault.upstream],
                self._fronts[case.host or case.name],
                self._authority,
                self._old_token,
            )
            declared = "main" if case.strategy == DIGEST else case.declared
            files |= stage.values(case.name, image=case.name, tag=declared)
            stage.add(application(case.name, source(stage.url(), case.name)))
            self.observed[case.name] = Observed(RIGHT.get(case.strategy, ""))
            _push_first(case, ground)
            case.fault.prepare(ground)
            if not case.later:
                self._push_newest(case)
                case.fault.begin(ground)
        stage.repository(files=files)
        follow = [reference(case.name, _follow(stage, case)) for case in CASES]
        stage.add(resource("updater", follow, **git_write_back()))
        self._write_registries()
        self._values = self._read_values()

    def _push_newest(self, case):
        """Push what must be written in the end."""
        ground = self._grounds[case.name]
        tag = RIGHT.get(case.strategy, "main")
        digest = ground.registry.push_image(ground.repository, tag, created="2024-03-01T00:00:00Z")
        if case.strategy == DIGEST:
            self.observed[case.name].right = f"main@{digest}"

    def _switch(self, number):
        """Let the faults of the cycle that is over end, and the next begin."""
        for case in CASES:
            if number == int(case.later):
                case.fault.end(self._grounds[case.name])
            elif number == 0 and case.later:
                self._push_newest(case)
                case.fault.begin(self._grounds[case.name])
        self._write_registries()

    def _write_registries(self):
        entries, extras = [], []
        for case in CASES:
            ground = self._grounds[case.name]
            prefix = self._stage.image(case.name)
            entries.append(
                {"name": case.name, "prefix": prefix, "api_url": ground.front.base, **ground.entry}
            )
            if case.fault.settings:
                extras.append({"prefix": prefix, **case.fault.settings})
        self._stage.write("registries.conf", yaml.safe_dump({"registries": entries}))
        self._stage.write("registries.extra.conf", yaml.safe_dump({"registries": extras}))

    # --- the program ----------------------------------------------------------------------------

    @contextmanager
    def _started(self):
        """Start the program; give its process, and the end of the pipe that its reports come from.

        At the end all that it said is looked through.
        """
        stage = self._stage
        pipe, theirs = os.pipe()
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        log = stage.folder / "err"
        with log.open("wb") as err:
            process = subprocess.Popen(
                stage.command(*_WORDS),
                stdin=subprocess.DEVNULL,
                stdout=theirs,
                stderr=err,
                env=stage.environ(),
                start_new_session=True,
            )
        os.close(theirs)
        try:
            yield process, pipe
        finally:
            os.close(pipe)
            if process.poll() is None:
                process.kill()
                process.wait()
        stage.check_secrets(Outcome(0, "", log.read_text()))

    # --- what is seen ---------------------------------------------------------------------------

    def _look(self):
        """Return requests and values by case; requests are counted since the last time."""
        requests = {}
        for case in CASES:
            lines = self._grounds[case.name].front.lines
            noted = self._noted.get(case.name, 0)
            self._noted[case.name] = len(lines)
            pattern = case.fault.pattern
            requests[case.name] = sum(bool(re.search(pattern, one)) for one in lines[noted:])
        return requests, self._read_values()

    def _read_values(self):
        bare = self._stage.bare()
        text = git("-C", bare, "grep", "-F", "tag: ", "main", "--", "*/values.yaml").decode()
        found = re.findall(r"^main:([\w-]+)/values\.yaml: *tag: (\S+)", text, re.MULTILINE)
        return dict(found)

    def _note(self, report, seen):
        check_report(report)
        requests, values = seen
        for image in report["images"]:
            name = image["application"].rpartition("/")[2]
            self.observed[name].cycles.append(
                Seen(
                    image["reason"],
                    image["outcome"],
                    image["message"],
                    requests[name],
                    self._values[name],
                    values[name],
                )
            )
        self._values = values


@dataclass(frozen=True)
class Registries:
    """Three registries by name, and an expired token for the one that wants tokens."""

    by_name: dict
    old_token: str


@contextmanager
def open_registries(folder, plain, *, repositories):
    """Open one registry that wants a password and one that wants tokens, beside `plain`.

    repositories: those that tokens are for.
    """
    scopes = [f"repository:{name}:pull,push" for name in repositories]
    login = basic_header(USERNAME, PASSWORD)
    with (
        TokenService(folder) as service,
        DistributionRegistry(
            auth=service.auth(), push_authorization=f"Bearer {service.token(scopes)}"
        ) as with_tokens,
        DistributionRegistry(auth=htpasswd_auth(folder), push_authorization=login) as with_password,
    ):
        life_s, service.life_s = service.life_s, -EXPIRED_S
        old_token = service.token(scopes)
        service.life_s = life_s
        yield Registries(
            {"open": plain, "password": with_password, "token": with_tokens}, old_token
        )


def _push_first(case, ground):
    """Push what is there before the newest image."""
    if case.strategy == DIGEST:
        ground.push("main", month=1)
        return
    ground.push(case.declared, month=1)
    if case.strategy == NEWEST_BUILD:
        ground.push("1.1.0", month=2)
    elif case.declared != "1.0.0":
        ground.push("1.0.0", month=1)


def _follow(stage, case):
    name = stage.image(case.name)
    if case.strategy == SEMVER:
        return images(web=f"{name}:1.x")
    settings = {"commonUpdateSettings": {"updateStrategy": case.strategy}}
    return images(web=(f"{name}:main" if case.strategy == DIGEST else name, settings))


def _report(pipe):
    """Read one report; it ends with its line."""
    text = b""
    while not text.endswith(b"\n"):
        select.select([pipe], [], [], RUN_LIMIT_S)
        piece = os.read(pipe, _PIPE_BYTES)
        assert piece, "the program ended"
        text += piece
    return json.loads(text)
