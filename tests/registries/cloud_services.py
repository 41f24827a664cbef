"""The token services of three clouds, as their protocols are, on one local port.

One server in a thread answers by path: ECR's ``GetAuthorizationToken`` (AWS JSON 1.1), STS with
web identity (XML), Pod Identity and the instance metadata of AWS (version 2); the token endpoint,
STS and metadata server of Google; the login endpoint and instance metadata of Azure. What every
request must bring is checked here, so that a test fails where a real service would refuse.
"""

import base64
import hashlib
import json
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

# Passwords that a registry accepts, and what `htpasswd -B` makes of them.
ECR_TOKEN = "ecr-token-of-the-role"
GOOGLE_TOKEN = "ya29.google-access-token"
ENTRA_TOKEN = "entra-access-token"
ACR_TOKEN = "eyJhbGciOiJub25lIn0.eyJleHAiOjQxMDI0NDQ4MDB9.s"  # ends in the year 2100
AZURE_USER = "00000000-0000-0000-0000-000000000000"
LOGINS = (
    "AWS:$2b$04$0REt3ITi/lvnQVN1xJCeleYcXUmv1NgYvfZamBuJtnPSz2stwpG8O",
    "oauth2accesstoken:$2b$04$0REt3ITi/lvnQVN1xJCele6HWp7buwPm..e1Kx0DYrLOC9VbN6U7W",
    f"{AZURE_USER}:$2b$04$0REt3ITi/lvnQVN1xJCeleXptyrWLIts3mi896OiBKI01wftULYYm",
)
SECRETS = {
    ECR_TOKEN,
    GOOGLE_TOKEN,
    ENTRA_TOKEN,
    ACR_TOKEN,
    "key-of-the-role",
    "session-of-the-role",
}

POD_TOKEN = "token-of-the-pod"
TENANT = "11111111-2222-3333-4444-555555555555"
CLIENT = "66666666-7777-8888-9999-aaaaaaaaaaaa"
ROLE = "arn:aws:iam::123456789012:role/reader"
ACCESS_KEYS = {
    "AccessKeyId": "ASIATESTTESTTEST",
    "SecretAccessKey": "key-of-the-role",
    "Token": "session-of-the-role",
}
_STS_ANSWER = """<AssumeRoleWithWebIdentityResponse
 xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult>
<AssumedRoleUser><Arn>{role}</Arn><AssumedRoleId>A:b</AssumedRoleId></AssumedRoleUser>
<Credentials><AccessKeyId>ASIATESTTESTTEST</AccessKeyId>
<SecretAccessKey>key-of-the-role</SecretAccessKey>
<SessionToken>session-of-the-role</SessionToken><Expiration>{end}</Expiration></Credentials>
</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"""
_STS_REFUSAL = """<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error>
<Type>Sender</Type><Code>InvalidIdentityToken</Code><Message>{text}</Message></Error>
<RequestId>1</RequestId></ErrorResponse>"""


class Asked:
    """One request."""

    def __init__(self, handler):
        self.method = handler.command
        url = urlsplit(handler.path)
        self.path = url.path
        self.query = {name: values[0] for name, values in parse_qs(url.query).items()}
        self.headers = handler.headers
        length = int(handler.headers.get("Content-Length") or 0)
        self.body = handler.rfile.read(length)
        text = self.body.decode()
        self.form = {name: values[0] for name, values in parse_qs(text).items()}


class CloudServices:
    """Use as a context manager. tls: a server-side context; Entra ID is asked over TLS only.

    asked: names of the operations, in order. refuse: names of those that are refused. life_s: of
    what is handed out. entra_scope: for which Entra ID is asked. google_key: the public key of the
    service account, where its signature is looked at.
    """

    def __init__(self, *, tls=None, life_s=43_200):
        self.asked = []
        self.refuse = set()
        self.life_s = life_s
        self.entra_scope = "https://containerregistry.azure.net/.default"
        self.google_key = None
        self._tls = tls

    def __enter__(self):
        services = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                services._answer(self)

            def do_POST(self):
                services._answer(self)

            def do_PUT(self):
                services._answer(self)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if self._tls:
            self._server.socket = self._tls.wrap_socket(self._server.socket, server_side=True)
        port = self._server.server_address[1]
        self.host = f"localhost:{port}" if self._tls else f"127.0.0.1:{port}"
        self.url = f"{'https' if self._tls else 'http'}://{self.host}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, handler):
        asked = Asked(handler)
        name, answer = self._route(asked)
        self.asked.append(name)
        status, kind, body = self._refusal(name, asked) if name in self.refuse else answer()
        content = body.encode()
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(content)))
        if "google" in name:
            handler.send_header("Metadata-Flavor", "Google")
        handler.end_headers()
        handler.wfile.write(content)

    def _refusal(self, name, asked):
        """Refuse as the service does, and repeat a secret, as real ones sometimes do."""
        if name == "sts":
            return 400, "text/xml", _STS_REFUSAL.format(text=asked.form["WebIdentityToken"])
        if name.startswith("ecr"):
            document = {"__type": "AccessDeniedException", "Message": "session-of-the-role"}
            return 400, "application/x-amz-json-1.1", json.dumps(document)
        if name in ("google-token", "google-sts", "entra"):
            told = "AADSTS700016: key-of-the-role"
            document = {"error": "invalid_grant", "error_description": told}
            return 400, "application/json", json.dumps(document)
        return 403, "text/plain", "key-of-the-role"

    def _route(self, asked):
        path, form = asked.path, asked.form
        if target := asked.headers.get("X-Amz-Target"):
            return self._ecr(asked, target)
        if form.get("Action") == "AssumeRoleWithWebIdentity":
            assert form["RoleArn"] == ROLE
            assert form["WebIdentityToken"] == POD_TOKEN
            return "sts", self._xml(_STS_ANSWER.format(role=ROLE, end=self._end()))
        if path == "/v1/credentials":
            assert asked.headers["Authorization"] == POD_TOKEN
            return "pod-identity", self._json(ACCESS_KEYS | {"Expiration": self._end()})
        if path.startswith("/latest/"):
            return self._aws_metadata(asked)
        if path.startswith("/computeMetadata/") or path == "/":
            return self._google_metadata(asked)
        if path == "/token":
            return "google-token", self._google_token(form)
        if path == "/v1/token":
            return "google-sts", self._google_sts(form)
        if path == "/metadata/identity/oauth2/token":
            assert asked.headers["Metadata"] == "true"
            assert asked.query["resource"] == "https://containerregistry.azure.net"
            end = str(int(time.time()) + self.life_s)
            return "azure-metadata", self._json(self._entra() | {"expires_on": end})
        return self._entra_login(asked)

    def _ecr(self, asked, target):
        """AWS JSON 1.1: the operation in a header, and a signature of version 4."""
        service, operation = target.split(".")
        assert operation == "GetAuthorizationToken"
        kind, _, parameters = asked.headers["Authorization"].partition(" ")
        assert kind == "AWS4-HMAC-SHA256", kind
        fields = dict(part.strip().split("=", 1) for part in parameters.split(","))
        key, _, region, signed_for, end = fields["Credential"].split("/")
        assert key.startswith(("ASIATEST", "AKIATEST"))
        assert end == "aws4_request"
        assert len(fields["Signature"]) == len(hashlib.sha256().hexdigest())
        public = service == "SpencerFrontendService"
        assert service in ("SpencerFrontendService", "AmazonEC2ContainerRegistry_V20150921")
        assert signed_for == ("ecr-public" if public else "ecr")
        entry = {
            "authorizationToken": base64.b64encode(f"AWS:{ECR_TOKEN}".encode()).decode(),
            "expiresAt": time.time() + self.life_s,
        }
        data = entry if public else [entry | {"proxyEndpoint": "https://r.test"}]
        name = f"ecr-public {region}" if public else f"ecr {region}"
        return name, self._json({"authorizationData": data}, kind="application/x-amz-json-1.1")

    def _aws_metadata(self, asked):
        """Instance metadata of version 2: a session first."""
        if asked.path == "/latest/api/token":
            assert asked.method == "PUT"
            assert asked.headers["x-aws-ec2-metadata-token-ttl-seconds"]
            return "aws-metadata-session", self._text("session-1")
        assert asked.headers["x-aws-ec2-metadata-token"] == "session-1"
        role = "/latest/meta-data/iam/security-credentials/"
        if asked.path == role:
            return "aws-metadata-role", self._text("reader")
        assert asked.path == f"{role}reader", asked.path
        keys = ACCESS_KEYS | {"Code": "Success", "Expiration": self._end()}
        return "aws-metadata-keys", self._json(keys)

    def _google_metadata(self, asked):
        assert asked.headers["Metadata-Flavor"] == "Google"
        folder = "/computeMetadata/v1/instance/service-accounts/default"
        if asked.path == f"{folder}/token":
            return "google-metadata-token", self._json(self._google())
        if asked.path == f"{folder}/":
            account = {"email": "reader@p.iam.gserviceaccount.com", "scopes": [], "aliases": []}
            return "google-metadata-account", self._json(account)
        return "google-metadata", self._text("project-1")

    def _google_token(self, form):
        """A JWT that the key of the service account signed, for an access token (RFC 7523)."""
        assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
        signed, _, signature = form["assertion"].rpartition(".")
        if self.google_key:
            signature = base64.urlsafe_b64decode(signature + "==")
            self.google_key.verify(signature, signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        claims = signed.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
        assert claims["scope"] == "https://www.googleapis.com/auth/cloud-platform"
        assert claims["iss"] == "reader@p.iam.gserviceaccount.com"
        return self._json(self._google())

    def _google_sts(self, form):
        """The token of a foreign issuer for one of Google (RFC 8693)."""
        assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:token-exchange"
        assert form["subject_token"] == POD_TOKEN
        issued = "urn:ietf:params:oauth:token-type:access_token"
        return self._json(self._google() | {"issued_token_type": issued})

    def _entra_login(self, asked):
        folder = f"/{TENANT}/"
        assert asked.path.startswith(folder), asked.path
        if asked.path.endswith("/openid-configuration"):
            base = f"{self.url}{folder}oauth2/v2.0"
            return "entra-configuration", self._json(
                {
                    "issuer": f"{self.url}{folder}v2.0",
                    "authorization_endpoint": f"{base}/authorize",
                    "token_endpoint": f"{base}/token",
                }
            )
        assert asked.path == f"{folder}oauth2/v2.0/token"
        form = asked.form
        assert form["grant_type"] == "client_credentials"
        assert form["client_id"] == CLIENT
        assert form["scope"] == self.entra_scope
        assert form.get("client_assertion", POD_TOKEN) == POD_TOKEN
        assert form.get("client_secret") or form.get("client_assertion")
        return "entra", self._json(self._entra())

    def _google(self):
        return {"access_token": GOOGLE_TOKEN, "expires_in": self.life_s, "token_type": "Bearer"}

    def _entra(self):
        return {"access_token": ENTRA_TOKEN, "expires_in": self.life_s, "token_type": "Bearer"}

    def _end(self):
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + self.life_s))

    def _json(self, document, *, kind="application/json"):
        return lambda: (200, kind, json.dumps(document))

    def _xml(self, text):
        return lambda: (200, "text/xml", text)

    def _text(self, text):
        return lambda: (200, "text/plain", text)


def server_context(authority, folder):
    """Return a TLS context for ``localhost``, and write the authority's certificate to a file."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    bundle = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    return context, bundle
