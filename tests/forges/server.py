"""A forge over HTTP: a dialect answers for a `RequestModel`, and faults can be ordered.

A dialect is called with a `Call` and returns status and JSON; what it raises as `Refused` is
answered in its own words. It runs in threads, so the program under test can be another process.
"""

import contextlib
import http.server
import json
import ssl
import threading
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit


@dataclass
class Call:
    """One question: path parts are decoded, the query is the last value by name.

    pairs: the query with repeated names.
    """

    method: str
    path: str
    parts: list
    query: dict
    body: object
    headers: object
    raw_path: str
    pairs: list


@dataclass
class Fault:
    """An answer in place of the dialect's, `times` times, for calls whose line has `pattern`."""

    pattern: str
    status: int
    body: bytes = b"{}"
    headers: dict = field(default_factory=dict)
    times: int = 1


class ForgeServer:
    """Serves a dialect on a port of the loopback, 0 = a free one. calls: the lines that came.

    certificate: of trustme, to speak TLS.
    """

    def __init__(self, dialect, *, port=0, certificate=None):
        self.dialect = dialect
        self.calls = []
        self.faults = []
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def _answer(self):
                owner._answer(self)

            do_GET = do_POST = do_PUT = _answer  # noqa: N815 - names of http.server
            do_PATCH = do_DELETE = _answer  # noqa: N815 - as above

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            certificate.configure_cert(context)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._lock = threading.Lock()

    @property
    def port(self):
        return self._server.server_address[1]

    def __enter__(self):
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(self, *_):
        if not self._thread.is_alive():
            return  # a test ended it before
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def lines(self, method=None):
        """Return ``METHOD /path`` of the calls so far."""
        return [line for line in self.calls if method in (None, line.split()[0])]

    def _answer(self, handler):
        length = int(handler.headers.get("Content-Length") or 0)
        raw = handler.rfile.read(length)
        with self._lock:
            status, headers, body = self._outcome(handler, raw)
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        with contextlib.suppress(OSError):
            handler.wfile.write(body)

    def _outcome(self, handler, raw):
        split = urlsplit(handler.path)
        line = f"{handler.command} {split.path}"
        self.calls.append(line)
        for fault in self.faults:
            if fault.times and fault.pattern in line:
                fault.times -= 1
                return fault.status, fault.headers, fault.body
        call = Call(
            handler.command,
            unquote(split.path),
            [unquote(part) for part in split.path.strip("/").split("/")],
            dict(parse_qsl(split.query, keep_blank_values=True)),
            json.loads(raw) if raw else None,
            handler.headers,
            split.path,
            parse_qsl(split.query, keep_blank_values=True),
        )
        status, content, headers = self.dialect(call)
        body = b"" if content is None else json.dumps(content).encode()
        return status, headers, body
