"""An HTTP proxy in front of a registry that spoils chosen answers, and notes what was asked.

Rules say which requests are spoilt and how: a pattern that is searched for in ``GET /path?query``
and a function that gets the `Exchange`. The first rule that fits and is not used up decides; a
request without one is passed on as it is. Everything runs in threads, so that the program under
test can be a process of its own. With a TLS context the proxy speaks HTTPS; another context counts
for connections that come later, so `hang_up` ends those that are open.

More ways to spoil an answer are in `spoilt.py`.
"""

import contextlib
import http.client
import http.server
import json
import re
import socket
import struct
import threading
from dataclasses import dataclass, field

LIMIT_S = 60
_HOP_HEADERS = {"connection", "transfer-encoding", "keep-alive", "content-length"}


@dataclass
class Rule:
    """times: how often it is used; None = always."""

    pattern: str
    action: object
    times: int | None = None


@dataclass
class Gate:
    """Stops one request: `reached` is set when it came, and it goes on when `go` is set."""

    reached: threading.Event = field(default_factory=threading.Event)
    go: threading.Event = field(default_factory=threading.Event)

    def __call__(self, exchange):
        self.reached.set()
        self.go.wait(LIMIT_S)
        exchange.send(*exchange.upstream())

    def wait(self):
        assert self.reached.wait(LIMIT_S), "the request did not come"


class Exchange:
    """One request and the ways to answer it."""

    def __init__(self, handler, proxy):
        self._handler = handler
        self._proxy = proxy
        self.headers = handler.headers
        self.line = f"{handler.command} {handler.path}"

    @property
    def stream(self):
        """Where an answer is written by hand."""
        return self._handler.wfile

    def wait_for_the_end(self, limit_s):
        """Wait until the proxy ends, or so long; say whether it ended."""
        return self._proxy.ended.wait(limit_s)

    def upstream(self, *, authorization=None):
        """Return what the registry answers: status, headers, body.

        authorization: what to send in place of what came, empty = none.
        """
        connection = http.client.HTTPConnection(*self._proxy.upstream, timeout=LIMIT_S)
        try:
            connection.putrequest(
                self._handler.command,
                self._handler.path,
                skip_host=True,
                skip_accept_encoding=True,
            )
            for name, value in self.headers.items():
                replaced = authorization is not None and name.lower() == "authorization"
                if name.lower() not in _HOP_HEADERS and not replaced:
                    connection.putheader(name, value)
            if authorization:
                connection.putheader("Authorization", authorization)
            connection.endheaders()
            answer = connection.getresponse()
            body = answer.read()
            return answer.status, list(answer.getheaders()), body
        finally:
            connection.close()

    def send(self, status, headers=(), body=b"", *, length=None):
        """Send an answer; length: the Content-Length to claim, where it is not that of the body."""
        handler = self._handler
        handler.send_response_only(status)
        head = handler.command == "HEAD"
        for name, value in headers:
            if name.lower() not in _HOP_HEADERS or (head and name.lower() == "content-length"):
                handler.send_header(name, value)
        if not head:
            handler.send_header("Content-Length", str(len(body) if length is None else length))
        handler.end_headers()
        if not head:
            handler.wfile.write(body)
        if length is not None:
            handler.close_connection = True

    def reset(self):
        """Break the connection with a reset."""
        connection = self._handler.connection
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._handler.close_connection = True
        connection.close()


class FaultProxy:
    """Use as a context manager; `base` is its URL.

    tls: the context for connections that come from now on. poll_s: how soon it notices its end.
    """

    def __init__(self, registry, *, tls=None, poll_s=0.02):
        self.upstream = ("127.0.0.1", registry.port)
        self.tls = tls
        self.ended = threading.Event()
        self._poll_s = poll_s
        self.rules = []
        self.lines = []
        self.authorizations = []
        self._lock = threading.Lock()

    def __enter__(self):
        self._server = _Server(("127.0.0.1", 0), _handler_of(self))
        self.port = self._server.server_address[1]
        self.host = f"{'localhost' if self.tls else '127.0.0.1'}:{self.port}"
        self.base = f"{'https' if self.tls else 'http'}://{self.host}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(self._poll_s,))
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def on(self, pattern, action, *, times=None):
        """Spoil the requests that a pattern fits."""
        self.rules.append(Rule(pattern, action, times))
        return action

    def hang_up(self):
        """End the connections that are open, as a server does that starts anew."""
        for connection in tuple(self._server.open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def asked(self, pattern):
        """Return the requests that a pattern fits."""
        return [line for line in self.lines if re.search(pattern, line)]

    def serve(self, exchange):
        with self._lock:
            self.lines.append(exchange.line)
            if authorization := exchange.headers.get("Authorization"):
                self.authorizations.append((exchange.line, authorization))
            action = self._action(exchange.line)
        if action is None:
            exchange.send(*exchange.upstream())
        else:
            action(exchange)

    def _action(self, line):
        for rule in self.rules:
            if rule.times != 0 and re.search(rule.pattern, line):
                if rule.times is not None:
                    rule.times -= 1
                return rule.action
        return None


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address, handler):
        super().__init__(address, handler)
        self.open = set()

    def handle_error(self, request, client_address):
        """A client that was killed leaves half connections: nothing to tell."""


def _handler_of(proxy):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = LIMIT_S

        def setup(self):
            if proxy.tls:  # here and not where it is accepted: a handshake may wait for the client
                self.request = proxy.tls.wrap_socket(self.request, server_side=True)
            super().setup()
            self.server.open.add(self.connection)

        def finish(self):
            self.server.open.discard(self.connection)
            with contextlib.suppress(OSError):
                super().finish()
            if proxy.tls:
                self.connection.close()

        def handle_one_request(self):
            with contextlib.suppress(OSError, ValueError):
                super().handle_one_request()
                return
            self.close_connection = True

        def serve(self):
            proxy.serve(Exchange(self, proxy))

        def __getattr__(self, name):
            if name in {"do_GET", "do_HEAD"}:
                return self.serve
            raise AttributeError(name)

        def log_message(self, *_):
            """The proxy notes requests itself."""

    return Handler


# --- ways to spoil an answer --------------------------------------------------------------------


def status(code, *headers, body=b'{"errors":[]}'):
    return lambda exchange: exchange.send(code, [*headers], body)


def page(exchange):
    """A web page in place of what was asked for, with status 200: a portal, a login."""
    exchange.send(200, [("Content-Type", "text/html")], b"<html><body>Please log in</body></html>")


def reset(exchange):
    exchange.reset()


def half(exchange):
    """Half of the true answer, then the connection ends."""
    code, headers, body = exchange.upstream()
    exchange.send(code, headers, body[: len(body) // 2], length=len(body))


def other_bytes(exchange):
    """The true answer with its body changed: what a digest protects from."""
    code, headers, body = exchange.upstream()
    exchange.send(code, headers, body.replace(b"2", b"3"))


def without_tag(tag):
    """The true list of tags with one missing."""

    def spoil(exchange):
        code, headers, body = exchange.upstream()
        document = json.loads(body)
        document["tags"] = [one for one in document["tags"] if one != tag]
        exchange.send(code, headers, json.dumps(document).encode())

    return spoil


def redirect(url, code=307):
    return lambda exchange: exchange.send(code, [("Location", url)])


def endless(exchange):
    """Pages of ever new tags, each of which names another."""
    path, _, query = exchange.line.removeprefix("GET ").partition("?")
    number = int(query.removeprefix("page=") or 0) if query.startswith("page=") else 0
    link = ("Link", f'<{path}?page={number + 1}>; rel="next"')
    exchange.send(200, [("Content-Type", "application/json"), link], b'{"tags": ["1.0.0"]}')
