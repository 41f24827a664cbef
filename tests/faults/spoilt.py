"""More ways to spoil the answers of a registry, for `http_proxy.py`."""

import gzip
import json
import time
from functools import cache

from registries.distribution import basic_header

SLOW_S = 30.0
OK = 200
_DRIP_S = 0.05
_MEGABYTE = 1_000_000
_JSON = ("Content-Type", "application/json")


def reset_in_body(exchange):
    """The head of the true answer and half of its body, then a reset."""
    code, headers, body = exchange.upstream()
    exchange.send(code, headers, body[: len(body) // 2], length=len(body))
    exchange.stream.flush()
    exchange.reset()


def cut(exchange):
    """Half of the true body, sent as if it were the whole."""
    code, headers, body = exchange.upstream()
    exchange.send(code, headers, body[: len(body) // 2])


def stall(exchange):
    """Nothing for half a minute, and then the true answer."""
    if not exchange.wait_for_the_end(SLOW_S):
        exchange.send(*exchange.upstream())


def drip(exchange):
    """The true answer, a byte at a time, and blanks without end behind it."""
    code, headers, body = exchange.upstream()
    exchange.send(code, headers, body[:1], length=_MEGABYTE)
    ends_at = time.monotonic() + SLOW_S
    while time.monotonic() < ends_at and not exchange.wait_for_the_end(_DRIP_S):
        body = body[1:]
        exchange.stream.write(body[:1] or b" ")


def bomb(exchange):
    """Kilobytes that unfold to a hundred megabytes."""
    code, headers, _ = exchange.upstream()
    exchange.send(code, [*headers, ("Content-Encoding", "gzip")], _packed())


@cache
def _packed():
    return gzip.compress(b'{"tags": [' + b" " * (100 * _MEGABYTE), compresslevel=1)


def huge(exchange):
    """A hundred megabytes; the client may hang up as soon as it had enough."""
    code, headers, _ = exchange.upstream()
    exchange.send(code, headers, b"", length=100 * _MEGABYTE)
    for _ in range(100):
        exchange.stream.write(b" " * _MEGABYTE)


def tags(change):
    """The true list of tags, with `change` done to it."""

    def spoil(exchange):
        code, headers, body = exchange.upstream()
        document = json.loads(body)
        document["tags"] = change(document["tags"])
        exchange.send(code, headers, json.dumps(document).encode())

    return spoil


def link_loop(exchange):
    """The true list, and a link to its next page that leads to itself."""
    code, headers, body = exchange.upstream()
    path = exchange.line.removeprefix("GET ")
    exchange.send(code, [*headers, ("Link", f'<{path}>; rel="next"')], body)


def in_pages(authorization=None):
    """The true list, a page for each tag. authorization: with which it is asked for instead."""

    def spoil(exchange):
        code, headers, body = exchange.upstream(authorization=authorization)
        if code != OK:
            exchange.send(code, headers, body)
            return
        path, _, query = exchange.line.removeprefix("GET ").partition("?")
        number = int(query.rpartition("page=")[2]) if "page=" in query else 1
        document = json.loads(body)
        listed = sorted(document["tags"])
        document["tags"] = listed[number - 1 : number]
        if number < len(listed):
            headers = [*headers, ("Link", f'<{path}?n=1&page={number + 1}>; rel="next"')]
        exchange.send(code, headers, json.dumps(document).encode())

    return spoil


def with_header(name, value):
    """The true answer with another value of a header; None = without it."""

    def spoil(exchange):
        code, headers, body = exchange.upstream()
        kept = [one for one in headers if one[0].lower() != name.lower()]
        exchange.send(code, kept if value is None else [*kept, (name, value)], body)

    return spoil


def new_password(username, password, *, true_header):
    """A registry that knows a new password only; it is passed on as the one that is true."""
    wanted = basic_header(username, password)

    def spoil(exchange):
        right = exchange.headers.get("Authorization") == wanted
        exchange.send(*exchange.upstream(authorization=true_header if right else ""))

    return spoil


def open_door(exchange):
    """The first question is answered as if everything were open to everybody."""
    exchange.send(200, [_JSON], b"{}")
