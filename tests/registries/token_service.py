"""A small token service for CNCF Distribution: signed tokens for those who know the password.

It signs with ES256 and puts the certificate into the token (``x5c``), which the registry checks
against the CA it was given. It runs in a thread, so that plain scripts can use it too.
"""

import base64
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import trustme
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509 import load_pem_x509_certificate

from registries.distribution import PASSWORD, USERNAME, basic_header

ISSUER, SERVICE = "test issuer", "test registry"
REFRESH_TOKEN = "refresh-token-of-a-login"


class TokenService:
    """Use as a context manager. anonymous: repositories that anybody may pull."""

    def __init__(self, folder, *, anonymous=(), life_s=300):
        self.anonymous = anonymous
        self.life_s = life_s
        self.requests = []
        authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
        leaf = authority.issue_cert("token.test", key_type=trustme.KeyType.ECDSA)
        self._key = serialization.load_pem_private_key(leaf.private_key_pem.bytes(), None)
        certificate = load_pem_x509_certificate(leaf.cert_chain_pems[0].bytes())
        self._certificate = base64.b64encode(
            certificate.public_bytes(serialization.Encoding.DER)
        ).decode()
        self._bundle = Path(folder) / "token-ca.pem"
        authority.cert_pem.write_to_path(str(self._bundle))

    def __enter__(self):
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                service.answer(self)

            def do_POST(self):
                service.trade(self)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/token"
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def auth(self):
        """Return the ``auth`` section for the registry that trusts this service."""
        return {
            "token": {
                "realm": self.url,
                "service": SERVICE,
                "issuer": ISSUER,
                "rootcertbundle": str(self._bundle),
            }
        }

    def token(self, scopes, *, subject=USERNAME):
        """Return a signed token for scopes like ``repository:team/app:pull,push``."""
        now = int(time.time())
        access = []
        for scope in scopes:
            kind, name, actions = scope.split(":")
            access.append({"type": kind, "name": name, "actions": actions.split(",")})
        head = {"typ": "JWT", "alg": "ES256", "x5c": [self._certificate]}
        claims = {
            "iss": ISSUER,
            "sub": subject,
            "aud": SERVICE,
            "exp": now + self.life_s,
            "nbf": now - 10,
            "iat": now,
            "jti": str(time.monotonic_ns()),
            "access": access,
        }
        signed = f"{_encode(json.dumps(head).encode())}.{_encode(json.dumps(claims).encode())}"
        der = self._key.sign(signed.encode(), ec.ECDSA(hashes.SHA256()))
        signature = b"".join(part.to_bytes(32, "big") for part in decode_dss_signature(der))
        return f"{signed}.{_encode(signature)}"

    def trade(self, handler):
        """Trade a refresh token for an access token (the OAuth2 form of the protocol)."""
        body = handler.rfile.read(int(handler.headers["Content-Length"])).decode()
        form = {name: values[0] for name, values in parse_qs(body).items()}
        self.requests.append((form, handler.headers.get("Authorization", "")))
        if form["grant_type"] != "refresh_token" or form["refresh_token"] != REFRESH_TOKEN:
            self._send(handler, 401, {"details": f"not known: {form['refresh_token']}"})
            return
        token = self.token([form["scope"]])
        self._send(handler, 200, {"access_token": token, "expires_in": self.life_s})

    def answer(self, handler):
        query = parse_qs(urlsplit(handler.path).query)
        authorization = handler.headers.get("Authorization", "")
        self.requests.append((query, authorization))
        scopes = query.get("scope", [])
        known = authorization == basic_header(USERNAME, PASSWORD)
        if authorization and not known:
            self._send(handler, 401, {"details": "incorrect username or password"})
            return
        granted = [scope for scope in scopes if known or scope.split(":")[1] in self.anonymous]
        subject = USERNAME if known else ""
        self._send(
            handler,
            200,
            {"token": self.token(granted, subject=subject), "expires_in": self.life_s},
        )

    def _send(self, handler, status, document):
        body = json.dumps(document).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)


def _encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
