"""The program that ssh starts to reach a server through a proxy: it connects, and is gone.

It runs by itself (``python -I -S ssh_proxy.py HOST PORT``), so it imports nothing but the standard
library. Where the proxy is and who we are stands in one variable of the environment, never in an
argument. The open connection is handed to ssh as a descriptor (``ProxyUseFdpass``), so that nothing
passes through here. Names are looked up by the proxy.
Sources: RFC 1928 and RFC 1929 (SOCKS 5), RFC 9110 section 9.3.6 (CONNECT), ssh_config(5).
"""

from __future__ import annotations

import base64
import ipaddress
import os
import socket
import sys
from urllib.parse import unquote, urlsplit

VARIABLE = "AIU_SSH_PROXY"
HTTP, SOCKS = ("http",), ("socks5", "socks5h")
DEFAULT_PORT = 1080  # curl's, for every kind of proxy
SILENCE_S = 20.0
ANSWER_LIMIT_BYTES = 16_384

_VERSION = 5
_OPEN, _LOGIN = 0, 2  # ways to identify oneself
_NAME, _IPV4, _IPV6 = 3, 1, 4
_ADDRESS_BYTES = {_IPV4: 4, _IPV6: 16}
_LONGEST_FIELD = 255  # of a name, a user or a password of SOCKS
_REPLIES = {
    2: "its rules do not allow it",
    3: "the network cannot be reached",
    4: "the host cannot be reached",
    5: "the host refused the connection",
}


class ProxyError(Exception):
    """The proxy did not connect us. The message holds no credential."""


def connect(proxy: str, host: str, port: int) -> socket.socket:
    """Return a connection to a host through a proxy, ready for the first byte."""
    parts = urlsplit(proxy)
    address = (parts.hostname or "", parts.port or DEFAULT_PORT)
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    try:
        way = socket.create_connection(address, timeout=SILENCE_S)
        try:
            if parts.scheme in SOCKS:
                _greet(way, user, password)
                _ask_socks(way, host, port)
            else:
                name = f"[{host}]" if ":" in host else host
                _ask_http(way, f"{name}:{port}", user, password)
        except BaseException:
            way.close()
            raise
    except TimeoutError:
        raise ProxyError("it is silent") from None
    except OSError as error:
        raise ProxyError(error.strerror or type(error).__name__) from None
    way.settimeout(None)  # ssh expects a descriptor that waits
    return way


def _greet(way: socket.socket, user: str, password: str) -> None:
    """Agree on who we are."""
    way.sendall(b"\x05\x02\x00\x02" if user else b"\x05\x01\x00")
    version, method = _read(way, 2)
    if version == _VERSION and method == _LOGIN and user:
        way.sendall(b"\x01" + _field(user) + _field(password))
        if _read(way, 2)[1] != 0:
            raise ProxyError("it refused user and password")
    elif version != _VERSION or method != _OPEN:
        raise ProxyError("it wants another way to identify oneself, or is no SOCKS 5 proxy")


def _ask_socks(way: socket.socket, host: str, port: int) -> None:
    try:
        literal = ipaddress.ip_address(host)
        is_old = isinstance(literal, ipaddress.IPv4Address)
        target = bytes([_IPV4 if is_old else _IPV6]) + literal.packed
    except ValueError:
        target = bytes([_NAME]) + _field(host)
    way.sendall(b"\x05\x01\x00" + target + port.to_bytes(2, "big"))
    version, reply, _, kind = _read(way, 4)
    if version != _VERSION or reply != 0:
        raise ProxyError(f"it did not connect: {_REPLIES.get(reply, f'reply {reply}')}")
    length = _ADDRESS_BYTES.get(kind) or _read(way, 1)[0]
    _read(way, length + 2)


def _ask_http(way: socket.socket, target: str, user: str, password: str) -> None:
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    if user:
        pair = base64.b64encode(f"{user}:{password}".encode()).decode()
        lines.append(f"Proxy-Authorization: Basic {pair}")
    way.sendall("\r\n".join([*lines, "", ""]).encode())
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):  # byte by byte: what follows belongs to ssh
        answer += _read(way, 1)
        if len(answer) > ANSWER_LIMIT_BYTES:
            raise ProxyError("its answer is too long")
    words = answer.split(None, 2)
    status = words[1].decode("ascii", "replace") if len(words) > 1 else ""
    if not (status.isdecimal() and status.startswith("2")):
        raise ProxyError(f"it did not connect: HTTP {status[:3]}")


def _field(text: str) -> bytes:
    content = text.encode()
    if len(content) > _LONGEST_FIELD:
        raise ProxyError("a name, user or password is too long for SOCKS")
    return bytes([len(content)]) + content


def _read(way: socket.socket, size: int) -> bytes:
    content = b""
    while len(content) < size:
        piece = way.recv(size - len(content))
        if not piece:
            raise ProxyError("it closed the connection")
        content += piece
    return content


def main() -> int:
    """Connect, and hand the descriptor to ssh, which waits at the standard output."""
    host, port = sys.argv[1], int(sys.argv[2])
    try:
        way = connect(os.environ[VARIABLE], host, port)
    except ProxyError as error:
        sys.stderr.write(f"error: the proxy cannot be used: {error}\n")
        return 1
    with way, socket.socket(fileno=os.dup(1)) as ssh:
        socket.send_fds(ssh, [b"\0"], [way.fileno()])
    return 0


if __name__ == "__main__":
    sys.exit(main())
