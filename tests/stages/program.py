"""The product's command as a child process that goes on while a test looks at the world.

What it says goes into one file, through which `wait_for_log` looks; at its end it is looked through
for secrets. It is ended by its process id, with its children.
"""

import contextlib
import os
import re
import signal
import subprocess
import sysconfig
import time
from pathlib import Path

PROGRAM = Path(sysconfig.get_path("scripts")) / "argocd-image-updater"
LIMIT_S = 60.0
LOG_TAIL_CHARS = 6000


class Program:
    """Use as a context manager: it starts then, and is killed at the end where it still runs.

    words: command and flags. folder: its home and log. secrets: what must not show.
    """

    def __init__(self, *words, folder, secrets=(), environment=None):
        self.words = [str(word) for word in (PROGRAM, *words)]
        self.folder = Path(folder)
        self.log_file = self.folder / "program.log"
        self._secrets = set(secrets)
        self._environment = environment or {}
        self._process = None
        self._ended = False  # as somebody wanted

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.end()

    def start(self):
        """Start it, or start it again; the log goes on."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._ended = False
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "TMPDIR": str(self.folder),
            "LC_ALL": "C.UTF-8",
            "PYTHONWARNINGS": "default",
            **self._environment,
        }
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                self.words,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
            )

    @property
    def pid(self):
        return self._process.pid

    @property
    def is_running(self):
        return self._process is not None and self._process.poll() is None

    def check_running(self):
        """Fail where it was started and has ended by itself."""
        if self._process is not None and self._process.poll() is not None and not self._ended:
            raise AssertionError(f"ended with {self._process.poll()}: {self.log_tail()}")

    def log(self):
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def wait_for_log(self, pattern, *, limit_s=LIMIT_S):
        """Wait until the log has what the expression describes; return the match."""
        deadline = time.monotonic() + limit_s
        while True:
            ended = not self.is_running  # asked first, so that its last words are read
            if found := re.search(pattern, self.log()):
                return found
            assert not ended, f"ended before it said {pattern!r}: {self.log_tail()}"
            assert time.monotonic() < deadline, f"no {pattern!r} in {limit_s} s: {self.log_tail()}"
            time.sleep(0.05)  # a file tells nobody that it has grown

    def wait(self, limit_s=LIMIT_S):
        """Wait for its end; return its exit code."""
        code = self._process.wait(limit_s)
        self._ended = True
        self.check_log()
        return code

    def send(self, number):
        """Send it a signal; its children get none."""
        self._process.send_signal(number)

    def stop(self, by=signal.SIGTERM, *, limit_s=LIMIT_S):
        """Ask it to end, and return its exit code."""
        self.send(by)
        return self.wait(limit_s)

    def kill(self):
        """End it with its children, as a machine that goes away does."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._ended = True
        self.check_log()

    def end(self):
        """Kill it where it still runs."""
        if self.is_running:
            self.kill()

    def check_log(self):
        """Nothing in it is secret, and nothing went wrong that nobody thought of."""
        text = self.log()
        for secret in self._secrets:
            assert secret not in text, f"a secret stands in {self.log_file}"
        assert "Traceback" not in text, self.log_tail()
        assert "Warning: " not in text, self.log_tail()

    def log_tail(self):
        return self.log()[-LOG_TAIL_CHARS:]
