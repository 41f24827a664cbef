"""Which tests stay in one process when several run at once: those that share what is costly.

A process has one API server, and starting one takes memory and seconds; Argo CD, or a front with
faults, takes more. So these folders are one piece of work each, most tests of the API are one
together, and of everything else a file is one. They are handed out in the order of their folders,
in which the long ones come first.
"""

import pytest
from xdist.scheduler import LoadFileScheduling

# Folder → the piece of work it belongs to.
SHARED = {
    "tests/clusters_smoke/": "cluster",
    "tests/integration/deploy/": "cluster",
    "tests/integration/kube/": "cluster",
    "tests/e2e/cluster/": "argocd",
    "tests/e2e/refresh/": "refresh",
    "tests/e2e/replicas/": "replicas",
    "tests/e2e/swap/": "swap",
    "tests/faults/cluster/": "faults",
}


class ClusterScheduling(LoadFileScheduling):
    """Hands out files, and all files of a shared cluster as one."""

    def _split_scope(self, nodeid):
        shared = (name for folder, name in SHARED.items() if nodeid.startswith(folder))
        return next(shared, super()._split_scope(nodeid))


@pytest.hookimpl
def pytest_xdist_make_scheduler(config, log):
    if config.getvalue("dist") != "load":  # asked for by hand
        return None
    config.option.loadscopereorder = False
    return ClusterScheduling(config, log)
