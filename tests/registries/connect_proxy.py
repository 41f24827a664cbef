"""An HTTP proxy that knows only CONNECT, and leads every name to one port of this machine.

So a test can use the real names of registries in the cloud: who is asked, and whether the
certificate is looked at, is as in the field.
"""

import socket
import threading
from contextlib import suppress

LIMIT_S = 60
_CHUNK_BYTES = 65_536


class ConnectProxy:
    """Use as a context manager. names: the hosts that were asked for, in order."""

    def __init__(self, port):
        self._target = ("127.0.0.1", port)
        self.names = []

    def __enter__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        # Wakes the thread that waits for connections; closing alone would not.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _accept(self):
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with client, suppress(OSError):
            client.settimeout(LIMIT_S)
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(_CHUNK_BYTES)
            method, name, _ = head.split(b" ", 2)
            assert method == b"CONNECT"
            self.names.append(name.decode())
            with socket.create_connection(self._target, timeout=LIMIT_S) as server:
                client.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
                back = threading.Thread(target=_relay, args=(server, client), daemon=True)
                back.start()
                _relay(client, server)
                back.join(LIMIT_S)


def _relay(source, sink):
    with suppress(OSError):
        while chunk := source.recv(_CHUNK_BYTES):
            sink.sendall(chunk)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
