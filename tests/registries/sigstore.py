"""A little Sigstore of one's own: an authority, a log of certificates, a log of signatures.

What it makes has the form of the public instance, so that it can be verified without network by
whoever trusts `trusted_root`; Cosign 2.6 and 3.1 accept both forms of it (`cosign verify
--trusted-root`). Sources: RFC 6962, RFC 5280, Sigstore's bundle format.
"""

import base64
import datetime as dt
import hashlib
import json
import struct
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from registries.signing import BUNDLE, SIMPLE_SIGNING

ISSUER = "https://issuer.test"
WORKFLOW = "https://forge.test/acme/web/.github/workflows/release.yml@refs/heads/main"
LIFE_S = 600  # of a certificate
_ISSUER_OID = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.8")
_FORMER_ISSUER_OID = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.1")
_SCT_OID = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
_P256 = "PKIX_ECDSA_P256_SHA_256"
_ECDSA = ec.ECDSA(hashes.SHA256())


def b64(content):
    return base64.b64encode(content).decode()


def canonical(document):
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def public_der(key):
    return key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def key_id(key):
    return hashlib.sha256(public_der(key)).digest()


def der_text(text):
    """Return a DER UTF8String (or, by its tag, any short string)."""
    return _der(0x0C, text.encode())


def _der(tag, content):
    size = len(content)
    length = bytes([size]) if size < 0x80 else bytes([0x82, size >> 8, size & 0xFF])
    return bytes([tag]) + length + content


def new_key():
    return ec.generate_private_key(ec.SECP256R1())


class Identity:
    """Somebody with a certificate and its key, for one signature."""

    def __init__(self, certificate, key, moment_s):
        self.certificate = certificate
        self.key = key
        self.moment_s = moment_s

    @property
    def der(self):
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def pem(self):
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def sign(self, content):
        return self.key.sign(content, _ECDSA)


class OwnSigstore:
    """moment_s: when certificates are made out and signatures are logged, unless told otherwise."""

    def __init__(self, moment_s=None):
        self.moment_s = int(moment_s or time.time())
        self.ca_key, self.ct_key, self.log_key = new_key(), new_key(), new_key()
        self.ca = self._authority("Own Sigstore", self.ca_key)
        self.timestamp_authorities = []

    def identity(
        self, name=WORKFLOW, *, issuer=ISSUER, moment_s=None, ways=("former", "present"),
        ct_key=None, has_sct=True, email=False,
    ):  # fmt: skip
        """Make out a certificate; ways: how it names the issuer."""
        moment_s, key = moment_s or self.moment_s, new_key()
        san = x509.RFC822Name(name) if email else x509.UniformResourceIdentifier(name)
        builder = (
            self._builder("", key.public_key(), moment_s=moment_s, life_s=LIFE_S)
            .add_extension(_usage(signs=True), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False
            )
            .add_extension(x509.SubjectAlternativeName([san]), critical=True)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.ca_key.public_key()),
                critical=False,
            )
        )
        for way in ways:
            builder = builder.add_extension(_issuer_extension(issuer, way), critical=False)
        if has_sct:
            builder = builder.add_extension(
                self._sct(builder, moment_s, key=ct_key or self.ct_key), critical=False
            )
        return Identity(builder.sign(self.ca_key, hashes.SHA256()), key, moment_s)

    def trusted_root(self, **changes):
        """Return the document that makes others trust this Sigstore."""
        start = {"start": "2020-01-01T00:00:00Z"}
        document = {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [self._log("https://log.test", self.log_key, start)],
            "certificateAuthorities": [self._trusted_authority([self.ca], start)],
            "ctlogs": [self._log("https://ct.test", self.ct_key, start)],
            "timestampAuthorities": [
                self._trusted_authority(chain, start) for chain in self.timestamp_authorities
            ],
        }
        return json.dumps(document | changes).encode()

    def bundle(self, payload, who=None, **more):
        """Return a bundle with an envelope around the payload, as `cosign sign` makes it."""
        who = who or self.identity()
        kind = "application/vnd.in-toto+json"
        signed = b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(payload), payload)
        signature = b64(who.sign(signed))
        body = canonical(
            {
                "apiVersion": "0.0.1",
                "kind": "dsse",
                "spec": {
                    "envelopeHash": {"algorithm": "sha256", "value": "0" * 64},
                    "payloadHash": {
                        "algorithm": "sha256",
                        "value": hashlib.sha256(payload).hexdigest(),
                    },
                    "signatures": [{"signature": signature, "verifier": b64(who.pem)}],
                },
            }
        )
        return {
            "mediaType": BUNDLE,
            "verificationMaterial": {
                "certificate": {"rawBytes": b64(who.der)},
                "tlogEntries": [self.entry(body, "dsse", moment_s=who.moment_s, **more)],
            },
            "dsseEnvelope": {
                "payload": b64(payload),
                "payloadType": kind,
                "signatures": [{"sig": signature}],
            },
        }

    def stamped_bundle(self, payload, stamper, who=None, *, stamped=None):
        """Return a bundle as with Rekor 2: the log tells no time, so a time stamp does."""
        who = who or self.identity()
        document = self.bundle(payload, who)
        signature = base64.b64decode(document["dsseEnvelope"]["signatures"][0]["sig"])
        kind = document["dsseEnvelope"]["payloadType"]
        signed = b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(payload), payload)
        record = {
            "data": {"algorithm": "SHA2_256", "digest": b64(hashlib.sha256(signed).digest())},
            "signature": {
                "content": b64(signature),
                "verifier": {"keyDetails": _P256, "x509Certificate": {"rawBytes": b64(who.der)}},
            },
        }
        body = canonical(
            {
                "apiVersion": "0.0.2",
                "kind": "hashedrekord",
                "spec": {"hashedRekordV002": record},
            }
        )
        entry = self.entry(
            body, "hashedrekord", moment_s=who.moment_s, version="0.0.2", promise=False
        )
        stamp = b64(stamper.stamp(stamped or signature))
        document["verificationMaterial"] |= {
            "tlogEntries": [entry],
            "timestampVerificationData": {"rfc3161Timestamps": [{"signedTimestamp": stamp}]},
        }
        return document

    def simple_layer(self, payload, who=None, **more):
        """Return a layer of simple signing with certificate and log entry in its annotations."""
        who = who or self.identity()
        signature = who.sign(payload)
        entry = self.entry(
            record_body(payload, signature, who), "hashedrekord", moment_s=who.moment_s, **more
        )
        promised = {
            "SignedEntryTimestamp": entry["inclusionPromise"]["signedEntryTimestamp"],
            "Payload": {
                "body": entry["canonicalizedBody"],
                "integratedTime": int(entry["integratedTime"]),
                "logIndex": int(entry["logIndex"]),
                "logID": base64.b64decode(entry["logId"]["keyId"]).hex(),
            },
        }
        return (
            SIMPLE_SIGNING,
            payload,
            {
                "dev.cosignproject.cosign/signature": b64(signature),
                "dev.sigstore.cosign/certificate": who.pem.decode(),
                "dev.sigstore.cosign/chain": self.ca.public_bytes(
                    serialization.Encoding.PEM
                ).decode(),
                "dev.sigstore.cosign/bundle": json.dumps(promised),
            },
        )

    def entry(self, body, kind, *, moment_s, logged_s=None, version="0.0.1", promise=True):
        """Take an entry into the log of signatures, as the second of two."""
        logged_s = moment_s + 1 if logged_s is None else logged_s
        leaves = [hashlib.sha256(b"\0" + leaf).digest() for leaf in (b"another", body)]
        root = hashlib.sha256(b"\1" + leaves[0] + leaves[1]).digest()
        promised = canonical(
            {
                "body": b64(body),
                "integratedTime": logged_s,
                "logID": key_id(self.log_key).hex(),
                "logIndex": 1,
            }
        )
        found = {
            "logIndex": "1",
            "logId": {"keyId": b64(key_id(self.log_key))},
            "kindVersion": {"kind": kind, "version": version},
            "integratedTime": str(logged_s),
            "inclusionPromise": {"signedEntryTimestamp": b64(self.log_key.sign(promised, _ECDSA))},
            "inclusionProof": {
                "logIndex": "1",
                "rootHash": b64(root),
                "treeSize": "2",
                "hashes": [b64(leaves[0])],
                "checkpoint": {"envelope": self._checkpoint(root)},
            },
            "canonicalizedBody": b64(body),
        }
        if not promise:
            del found["inclusionPromise"], found["integratedTime"]
        return found

    def _checkpoint(self, root):
        note = f"log.test - 1\n2\n{b64(root)}\n"
        signature = self.log_key.sign(note.encode(), _ECDSA)
        return f"{note}\n\u2014 log.test {b64(key_id(self.log_key)[:4] + signature)}\n"

    def _sct(self, builder, moment_s, *, key):
        """Return the promise of the log of certificates to take in what stands in the builder."""
        plain = builder.sign(self.ca_key, hashes.SHA256()).tbs_certificate_bytes
        entry = key_id(self.ca_key) + len(plain).to_bytes(3, "big") + plain
        head = struct.pack("!BBQH", 0, 0, moment_s * 1000, 1)
        signature = key.sign(head + entry + struct.pack("!H", 0), _ECDSA)
        one = (
            struct.pack("!B32sQH", 0, key_id(key), moment_s * 1000, 0)
            + struct.pack("!BBH", 4, 3, len(signature))
            + signature
        )
        listed = struct.pack("!H", len(one)) + one
        return x509.UnrecognizedExtension(
            _SCT_OID, _der(0x04, struct.pack("!H", len(listed)) + listed)
        )

    def _authority(self, name, key):
        return (
            self._builder(name, key.public_key(), moment_s=self.moment_s, life_s=10 * 365 * 86_400)
            .add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
            .add_extension(_usage(certifies=True), critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .sign(key, hashes.SHA256())
        )

    def _builder(self, subject, public_key, *, moment_s, life_s):
        start = dt.datetime.fromtimestamp(moment_s, dt.UTC)
        names = [x509.NameAttribute(NameOID.COMMON_NAME, subject)] if subject else []
        issuer = [x509.NameAttribute(NameOID.COMMON_NAME, "Own Sigstore")]
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name(names))
            .issuer_name(x509.Name(issuer))
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + dt.timedelta(seconds=life_s))
        )

    def _log(self, url, key, valid):
        return {
            "baseUrl": url,
            "hashAlgorithm": "SHA2_256",
            "publicKey": {"rawBytes": b64(public_der(key)), "keyDetails": _P256, "validFor": valid},
            "logId": {"keyId": b64(key_id(key))},
        }

    def _trusted_authority(self, chain, valid):
        certificates = [
            {"rawBytes": b64(one.public_bytes(serialization.Encoding.DER))} for one in chain
        ]
        return {
            "subject": {"organization": "own", "commonName": "own"},
            "uri": "https://ca.test",
            "certChain": {"certificates": certificates},
            "validFor": valid,
        }


def record_body(payload, signature, who):
    """Return the entry of a signature over a text."""
    return canonical(
        {
            "apiVersion": "0.0.1",
            "kind": "hashedrekord",
            "spec": {
                "data": {
                    "hash": {"algorithm": "sha256", "value": hashlib.sha256(payload).hexdigest()}
                },
                "signature": {"content": b64(signature), "publicKey": {"content": b64(who.pem)}},
            },
        }
    )


def _issuer_extension(issuer, way):
    if way == "former":
        return x509.UnrecognizedExtension(_FORMER_ISSUER_OID, issuer.encode())
    return x509.UnrecognizedExtension(_ISSUER_OID, der_text(issuer))


def _usage(*, signs=False, certifies=False):
    return x509.KeyUsage(
        digital_signature=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certifies,
        crl_sign=certifies,
        encipher_only=False,
        decipher_only=False,
    )
