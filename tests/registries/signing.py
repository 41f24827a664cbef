"""Keys, and what they sign, as Cosign does it: simple signing, and statements in bundles."""

import base64
import hashlib
import json

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
SIGN_PREDICATE = "https://sigstore.dev/cosign/sign/v1"
IMAGE_CONFIG = "application/vnd.oci.image.config.v1+json"
EMPTY_CONFIG = b"{}"


class Signer:
    """A private key with the way in which it signs."""

    def __init__(self, private, *how):
        self._private = private
        self._how = how

    @classmethod
    def ecdsa(cls, curve=None, algorithm=None):
        key = ec.generate_private_key(curve or ec.SECP256R1())
        return cls(key, ec.ECDSA(algorithm or hashes.SHA256()))

    @classmethod
    def rsa(cls, *, pss=False, bits=2048):
        mask = padding.MGF1(hashes.SHA256())
        way = padding.PSS(mask, padding.PSS.MAX_LENGTH) if pss else padding.PKCS1v15()
        return cls(rsa.generate_private_key(65537, bits), way, hashes.SHA256())

    @classmethod
    def ed25519(cls):
        return cls(ed25519.Ed25519PrivateKey.generate())

    @property
    def public_pem(self):
        return self._private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    @property
    def private_pem(self):
        return self._private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    def sign(self, content):
        return self._private.sign(content, *self._how)

    def sign_base64(self, content):
        return base64.b64encode(self.sign(content)).decode()


def simple_payload(digest, *, kind="cosign container image signature", annotations=None):
    """Return the text that simple signing signs."""
    critical = {
        "identity": {"docker-reference": "registry.test/team/app"},
        "image": {"docker-manifest-digest": digest},
        "type": kind,
    }
    return json.dumps({"critical": critical, "optional": annotations}).encode()


def statement(*digests, predicate=SIGN_PREDICATE, annotations=None):
    """Return an in-toto statement about images."""
    subjects = [
        {
            "digest": dict([digest.split(":")]),
            **({"annotations": annotations} if annotations else {}),
        }
        for digest in digests
    ]
    return json.dumps(
        {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": subjects,
            "predicateType": predicate,
            "predicate": {},
        }
    ).encode()


def bundle(payload, *signers, payload_type="application/vnd.in-toto+json"):
    """Return a bundle with one envelope that all of the signers signed."""
    kind = payload_type.encode()
    signed = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
    return json.dumps(
        {
            "mediaType": BUNDLE,
            "verificationMaterial": {"publicKey": {"hint": ""}},
            "dsseEnvelope": {
                "payload": base64.b64encode(payload).decode(),
                "payloadType": payload_type,
                "signatures": [{"sig": signer.sign_base64(signed)} for signer in signers],
            },
        }
    ).encode()


def signature_tag(digest, suffix=".sig"):
    return digest.replace(":", "-") + suffix


def artifact(registry, repository, layers, *, config_type=IMAGE_CONFIG, **more):
    """Push the blobs of a signature artifact and return its manifest.

    layers: (media type, content, annotations).
    """
    pushed = [
        {
            "mediaType": media_type,
            "digest": registry.push_blob(repository, content),
            "size": len(content),
            **({"annotations": annotations} if annotations else {}),
        }
        for media_type, content, annotations in layers
    ]
    return {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": config_type,
            "digest": registry.push_blob(repository, EMPTY_CONFIG),
            "size": len(EMPTY_CONFIG),
        },
        "layers": pushed,
        **more,
    }


def simple_layer(payload, signer):
    return (
        SIMPLE_SIGNING,
        payload,
        {"dev.cosignproject.cosign/signature": signer.sign_base64(payload)},
    )


def push_simple(registry, repository, digest, *signers, payload=None, suffix=".sig"):
    """Sign a digest and push the signatures under Cosign's tag; one layer for each signer."""
    text = simple_payload(digest) if payload is None else payload
    manifest = artifact(registry, repository, [simple_layer(text, one) for one in signers])
    tag = signature_tag(digest, suffix)
    return registry.push_manifest(repository, tag, manifest, manifest["mediaType"])


def sha256(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()
