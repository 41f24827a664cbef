"""A relay that stops, or breaks off, in the middle of what is sent: after so many bytes."""

import contextlib
import socket
import threading

LIMIT_S = 60
_CHUNK_BYTES = 4096


class TcpGate:
    """Use as a context manager. hold_after: bytes from the server, of all connections together.

    side: whose bytes count instead, ``client``. cuts: connections end there, until `go` is set.
    """

    def __init__(self, port, *, hold_after, side="server", cuts=False):
        self._target = ("127.0.0.1", port)
        self._hold_after = hold_after
        self._side = side
        self._cuts = cuts
        self._passed = 0
        self.reached = threading.Event()
        self.go = threading.Event()

    def __enter__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.go.set()
        # Wakes the thread that waits for connections; closing alone would not.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def wait(self):
        assert self.reached.wait(LIMIT_S), "so much was never sent"

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._target)
            for source, sink, side in ((client, server, "client"), (server, client, "server")):
                counted = side == self._side
                threading.Thread(
                    target=self._relay, args=(source, sink, counted), daemon=True
                ).start()

    def _relay(self, source, sink, counted):
        with contextlib.suppress(OSError):
            while data := source.recv(_CHUNK_BYTES):
                if counted:
                    self._passed += len(data)
                    if self._passed > self._hold_after:
                        self.reached.set()
                        if self._cuts and not self.go.is_set():
                            break
                        self.go.wait(LIMIT_S)
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
