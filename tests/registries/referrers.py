"""A registry in memory with the referrers API, built by the lab from a public Go module."""

from lab import find_program
from registries.distribution import DistributionRegistry


class ReferrersRegistry(DistributionRegistry):
    """Started, filled and stopped like the other one."""

    def _command(self):
        program = find_program("referrers-registry")
        assert program, "referrers-registry is not built: make lab"
        return [program, f"127.0.0.1:{self.port}"]
