"""Whether the lab's cluster itself works: collected only with ``LAB_CLUSTER=1``.

Nothing of the product needs a cluster yet, so the parts are not built for an ordinary run. Get them
with ``make lab-cluster``, then ``LAB_CLUSTER=1 make test ARGS=tests/clusters_smoke``.
"""

import os

import pytest

from clusters.kube_api import KubeApiServer

collect_ignore_glob = [] if os.environ.get("LAB_CLUSTER") else ["test_*.py"]


@pytest.fixture(scope="module")
def api():
    with KubeApiServer(users={"reader": ["readers"]}) as server:
        yield server
