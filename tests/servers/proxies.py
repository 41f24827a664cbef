"""A proxy that speaks SOCKS 5 (RFC 1928, 1929) and HTTP CONNECT, with user and password.

It leads each name to its own loopback port, or where `lead` says. connections: the targets.
"""

import base64
import socket
import threading
from contextlib import suppress

LIMIT_S = 60
_CHUNK_BYTES = 65_536


class Proxy:
    """Use as a context manager. user: empty = everybody may. refuse: connect nobody."""

    def __init__(self, *, user="", password="", lead=None):
        self.user, self.password = user, password
        self.lead = lead or {}
        self.refuse = False
        self.connections = []

    def __enter__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()
        return self

    def __exit__(self, *_):
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def url(self, scheme, *, password=None):
        login = f"{self.user}:{password or self.password}@" if self.user else ""
        return f"{scheme}://{login}127.0.0.1:{self.port}"

    def _accept(self):
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with client, suppress(OSError):
            client.settimeout(LIMIT_S)
            first = client.recv(1, socket.MSG_PEEK)
            target = self._socks(client) if first == b"\x05" else self._http(client)
            if target is None:
                return
            self.connections.append(target)
            with socket.create_connection(self.lead.get(target[0], target), LIMIT_S) as server:
                back = threading.Thread(target=_relay, args=(server, client), daemon=True)
                back.start()
                _relay(client, server)
                back.join(LIMIT_S)

    def _socks(self, client):
        methods = _exactly(client, _exactly(client, 2)[1])
        wanted = 2 if self.user else 0
        if wanted not in methods:
            client.sendall(b"\x05\xff")
            return None
        client.sendall(bytes([5, wanted]))
        if self.user:
            _exactly(client, 1)
            user, password = (_exactly(client, _exactly(client, 1)[0]) for _ in range(2))
            good = (user.decode(), password.decode()) == (self.user, self.password)
            client.sendall(b"\x01\x00" if good else b"\x01\x01")
            if not good:
                return None
        kind = _exactly(client, 4)[3]
        if kind == 3:
            host = _exactly(client, _exactly(client, 1)[0]).decode()
        else:
            host = socket.inet_ntop(
                socket.AF_INET if kind == 1 else socket.AF_INET6,
                _exactly(client, 4 if kind == 1 else 16),
            )
        port = int.from_bytes(_exactly(client, 2), "big")
        reply = 2 if self.refuse else 0
        client.sendall(bytes([5, reply, 0, 1]) + bytes(6))
        return None if self.refuse else (host, port)

    def _http(self, client):
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(_CHUNK_BYTES)
        lines = head.decode().split("\r\n")
        method, target, _ = lines[0].split(" ", 2)
        assert method == "CONNECT"
        wanted = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        if self.user and f"proxy-authorization: basic {wanted}".lower() not in map(
            str.lower, lines
        ):
            client.sendall(
                b'HTTP/1.1 407 Who are you\r\nProxy-Authenticate: Basic realm="p"\r\n'
                b"Content-Length: 0\r\nConnection: close\r\n\r\n"
            )
            return None
        if self.refuse:
            client.sendall(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")
            return None
        client.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
        host, _, port = target.rpartition(":")
        return host.strip("[]"), int(port)


def _exactly(client, size):
    content = b""
    while len(content) < size:
        piece = client.recv(size - len(content))
        if not piece:
            raise OSError("closed")
        content += piece
    return content


def _relay(source, sink):
    with suppress(OSError):
        while piece := source.recv(_CHUNK_BYTES):
            sink.sendall(piece)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
