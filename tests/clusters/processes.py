"""Servers of a cluster as child processes: each with its log, on a free port, ended by its id."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

LOG_TAIL_CHARS = 3000


class Server:
    """One running program; `log` is where it writes to."""

    def __init__(self, words, *, log, environment=None, folder=None):
        self.words = [str(word) for word in words]
        self.log = Path(log)
        self._environment = environment
        self._folder = folder
        self._process = None

    @property
    def pid(self):
        return self._process.pid

    @property
    def is_running(self):
        return self._process is not None and self._process.poll() is None

    def start(self):
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.words,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment,
                cwd=self._folder,
                start_new_session=True,
            )

    def stop(self, *, by=signal.SIGKILL, limit_s=30):
        """End the program with its children. SIGTERM lets it say goodbye, within the limit."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, by)
        try:
            process.wait(limit_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def wait_until(self, is_ready, *, limit_s):
        """Ask until the answer is true; refused connections count as no."""
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            if not self.is_running:
                break
            with contextlib.suppress(OSError):
                if is_ready():
                    return
            time.sleep(0.02)  # nothing tells when another process is ready
        name = Path(self.words[0]).name
        state = "did not become ready" if self.is_running else "ended"
        raise AssertionError(f"{name} {state}: {self.log_tail()}")

    def log_tail(self):
        return self.log.read_text(errors="replace")[-LOG_TAIL_CHARS:]


def accepts(port):
    """Whether somebody listens on this port of the loopback."""
    with socket.create_connection(("127.0.0.1", port), timeout=1):
        return True


def free_port():
    """Return a port of the loopback that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def memory_folder(prefix):
    """Return a new temporary folder, in memory where that is possible: etcd syncs every write."""
    in_memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    return Path(tempfile.mkdtemp(prefix=prefix, dir=in_memory))


def remove_folder(folder):
    """Remove a temporary folder with everything in it."""
    shutil.rmtree(folder, ignore_errors=True)
