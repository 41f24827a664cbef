"""Azure Container Registry as far as logins go: `/oauth2/exchange` before a real registry."""

import http.client
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

from registries.cloud_services import ACR_TOKEN, ENTRA_TOKEN

LIMIT_S = 60
_PASSED_ON = ("Accept", "Authorization")


class AcrFront:
    """Use as a context manager. exchanges: how often it traded a token. refuses: it does not."""

    def __init__(self, registry):
        self._upstream = ("127.0.0.1", registry.port)
        self.exchanges = 0
        self.refuses = False

    def __enter__(self):
        front = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                front._pass_on(self)

            def do_HEAD(self):
                front._pass_on(self)

            def do_POST(self):
                front._exchange(self)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        self.url = f"http://{self.host}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _exchange(self, handler):
        body = handler.rfile.read(int(handler.headers["Content-Length"])).decode()
        form = {name: values[0] for name, values in parse_qs(body).items()}
        assert handler.path == "/oauth2/exchange"
        assert "Authorization" not in handler.headers
        wanted = {"grant_type": "access_token", "service": "127.0.0.1", "access_token": ENTRA_TOKEN}
        assert form == wanted
        self.exchanges += 1
        if self.refuses:
            document = {"errors": [{"code": "UNAUTHORIZED", "message": f"not you: {ENTRA_TOKEN}"}]}
            self._send(handler, 401, [], json.dumps(document).encode())
        else:
            self._send(handler, 200, [], json.dumps({"refresh_token": ACR_TOKEN}).encode())

    def _pass_on(self, handler):
        headers = {name: handler.headers[name] for name in _PASSED_ON if name in handler.headers}
        connection = http.client.HTTPConnection(*self._upstream, timeout=LIMIT_S)
        connection.request(handler.command, handler.path, headers=headers)
        answer = connection.getresponse()
        kept = ("content-type", "docker-content-digest", "www-authenticate", "link")
        found = [(name, value) for name, value in answer.getheaders() if name.lower() in kept]
        self._send(handler, answer.status, found, answer.read())
        connection.close()

    def _send(self, handler, status, headers, body):
        handler.send_response(status)
        for name, value in headers:
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)
