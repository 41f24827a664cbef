"""A disk that is full whenever a test wants it."""

import contextlib
import subprocess

SMALL_BYTES = 4096


class SmallDisk:
    """A file system of a megabyte; without the right to mount one, a limit on every file.

    The limit holds for programs whose words begin with `words`.
    """

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]
        self.mounted = subprocess.run(mount, check=False, capture_output=True).returncode == 0
        self.words = [] if self.mounted else ["prlimit", f"--fsize={SMALL_BYTES}"]

    def fill(self):
        """Leave no byte."""
        if self.mounted:
            with (
                (self.folder / "filler").open("wb", buffering=0) as file,
                contextlib.suppress(OSError),
            ):
                while file.write(b"x" * SMALL_BYTES):
                    pass

    def free(self):
        """Have room again."""
        if self.mounted:
            (self.folder / "filler").unlink()

    def close(self):
        if self.mounted:
            subprocess.run(["umount", self.folder], check=True)
