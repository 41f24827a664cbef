"""The part of GitHub that gives Apps their tokens: it looks at the signature and the clock."""

import base64
import json
import time

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

ACCEPT = "application/vnd.github.v3+json"
LONGEST_LIFE_S = 600  # of a token that an App signs


class GitHubApp:
    """A dialect of `ForgeServer`: one App with installations.

    installations: number by repository (``acme/deploy``). tokens: what was given out, by number.
    """

    def __init__(self, app_id, installations, *, life_s=3600):
        self.app_id = app_id
        self.installations = installations
        self.life_s = life_s
        self.tokens = []
        self.private_key = new_key()
        self._public = serialization.load_pem_private_key(self.private_key.encode(), None)

    def __call__(self, call):
        why = self._fault(call)
        if why:
            return 401, {"message": why}, {}
        parts = call.parts[2:]  # after /api/v3
        if call.method == "GET" and parts[0] == "repos" and parts[3:] == ["installation"]:
            number = self.installations.get("/".join(parts[1:3]))
            return (200, {"id": number}, {}) if number else _missing()
        if call.method == "POST" and parts[:2] == ["app", "installations"]:
            return self._token(int(parts[2]))
        return _missing()

    def _token(self, number):
        if number not in self.installations.values():
            return _missing()
        self.tokens.append((number, f"ghs_token{len(self.tokens)}of{number}"))
        end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + self.life_s))
        content = {"token": self.tokens[-1][1], "expires_at": end, "permissions": {}}
        return 201, content, {}

    def _fault(self, call):
        """Return why the App's own token is not accepted."""
        if call.headers.get("Accept") != ACCEPT:
            return "Unsupported 'Accept' header"
        kind, _, text = call.headers.get("Authorization", "").partition(" ")
        if kind != "Bearer" or text.count(".") != 2:
            return "A JSON web token could not be decoded"
        signed, _, signature = text.rpartition(".")
        try:
            self._public.public_key().verify(
                _bytes(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256()
            )
        except InvalidSignature:
            return "A JSON web token could not be decoded"
        header, claims = (json.loads(_bytes(part)) for part in signed.split("."))
        now = time.time()
        if header["alg"] != "RS256" or str(claims["iss"]) != str(self.app_id):
            return "Integration not found"
        if claims["iat"] > now or not now < claims["exp"] <= now + LONGEST_LIFE_S:
            return "'Expiration time' claim ('exp') must be a numeric value in the future"
        return ""


def new_key(bits=2048):
    """Return an RSA key as GitHub hands it out."""
    return (
        rsa.generate_private_key(65537, bits)
        .private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
        .decode()
    )


def _missing():
    return 404, {"message": "Not Found"}, {}


def _bytes(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
