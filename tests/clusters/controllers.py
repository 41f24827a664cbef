"""Kubernetes' own controllers, for tests that want to see Pods: Deployment → ReplicaSet → Pod.

There is no node, so the Pods stay Pending; what they would run is in their objects all the same.
"""

from clusters.processes import Server, memory_folder, remove_folder
from lab import find_program

CONTROLLERS = (
    "deployment-controller",
    "replicaset-controller",
    "namespace-controller",
    "garbage-collector-controller",
)


class ControllerManager:
    """Use as a context manager, inside that of the API server. flags: more, or other ones."""

    def __init__(self, api, *, controllers=CONTROLLERS, flags=()):
        program = find_program("kube-controller-manager")
        assert program, "kube-controller-manager is not here: make lab"
        self.folder = memory_folder("controllers-")
        self._server = Server(
            [
                program,
                f"--kubeconfig={api.kubeconfig(path=self.folder / 'kubeconfig')}",
                "--leader-elect=false",
                f"--controllers={','.join(controllers)}",
                "--secure-port=0",
                f"--cert-dir={self.folder}",
                *flags,
            ],
            log=self.folder / "kube-controller-manager.log",
            folder=self.folder,
        )

    def __enter__(self):
        self._server.start()
        return self

    def __exit__(self, *_):
        self._server.stop()
        remove_folder(self.folder)

    def log_tail(self):
        return self._server.log_tail()
