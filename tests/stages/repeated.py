"""A run with an interval, whose reports are read as they come."""

import json
import time

LIMIT_S = 60


class Repeated:
    """A run with an interval; its reports are read as they come."""

    def __init__(self, stage, *words):
        self.stage = stage
        self.process = stage.start("run", "--output", "json", "--loglevel", "debug", *words)

    def reports(self, count):
        """Return the first reports, waiting for them."""
        end = time.monotonic() + LIMIT_S
        while True:
            lines = (self.stage.folder / "out").read_text().splitlines(keepends=True)
            whole = [json.loads(line) for line in lines if line.endswith("\n")]
            if len(whole) >= count:
                return whole
            assert time.monotonic() < end, (self.stage.folder / "err").read_text()
            assert self.process.poll() is None, (self.stage.folder / "err").read_text()
            time.sleep(0.02)

    def wait_for(self, happened):
        """Wait until a condition holds."""
        end = time.monotonic() + LIMIT_S
        while not happened():
            assert time.monotonic() < end, (self.stage.folder / "err").read_text()
            assert self.process.poll() is None, (self.stage.folder / "err").read_text()
            time.sleep(0.02)
