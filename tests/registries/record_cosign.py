"""Record what real cosign programs write into registries, for tests that have no cosign.

    .venv/bin/python tests/registries/record_cosign.py /path/to/cosign [FOLDER]

Each scene is an image that this program signs, without any network but the two registries of the
lab: CNCF Distribution, where cosign falls back to tags, and one with the referrers API. All that
then lies in the repository goes with the public keys into ``tests/golden/cosign/VERSION.json``; the
private keys are thrown away. Built for the purpose, cosign takes minutes, so it is no part of the
lab: ``go install github.com/sigstore/cosign/v3/cmd/cosign@v3.1.3`` makes one (v2 likewise). A scene
that a version cannot do is left out, and said so.
"""

import base64
import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tools")]

from cryptography.hazmat.primitives.asymmetric import ec  # noqa: E402 - after the path

from registries.distribution import OCI_INDEX, OCI_MANIFEST, DistributionRegistry  # noqa: E402
from registries.referrers import ReferrersRegistry  # noqa: E402
from registries.signing import Signer  # noqa: E402

REPOSITORY = "team/app"
ACCEPT = f"{OCI_MANIFEST}, {OCI_INDEX}"
OUTPUT = ROOT / "tests/golden/cosign"
KEYS = {
    "ecdsa": None,  # made by cosign itself
    "review": None,
    "rsa": Signer.rsa,
    "ed25519": Signer.ed25519,
    "p384": lambda: Signer.ecdsa(ec.SECP384R1()),
}
REFERRERS = ["--registry-referrers-mode=oci-1-1"]


@dataclass(frozen=True)
class Scene:
    """What is done to the image. signed: (key, more words of ``cosign sign``), in order.

    attested: by this key. bundle: in the new format. referrers: the old one, found by reference.
    """

    signed: list = field(default_factory=list)
    attested: str = ""
    is_index: bool = False
    bundle: bool = False
    referrers: bool = False

    def is_for(self, registry):
        """Tell whether the registry makes a difference to what is written."""
        return self.bundle or self.referrers or not isinstance(registry, ReferrersRegistry)


def scenes():
    """Return the scenes by name: most of them in the old format and in the new one."""
    annotated = ("ecdsa", ["-a", "env=prod", "-a", "by=ci"])
    alike = {
        "ecdsa": {"signed": [("ecdsa", [])]},
        "rsa": {"signed": [("rsa", [])]},
        "ed25519": {"signed": [("ed25519", [])]},
        "p384": {"signed": [("p384", [])]},
        "annotations": {"signed": [annotated]},
        "two-keys": {"signed": [("ecdsa", []), ("review", [])]},
        "index": {"signed": [("ecdsa", [])], "is_index": True},
        "index-recursive": {"signed": [("ecdsa", ["--recursive"])], "is_index": True},
        "attestation": {"attested": "ecdsa"},
        "attestation-and-signature": {"signed": [("review", [])], "attested": "ecdsa"},
    }
    found = {f"tag-{name}": Scene(**what) for name, what in alike.items()}
    found["referrers-ecdsa"] = Scene(signed=[("ecdsa", [])], referrers=True)
    return found | {f"bundle-{name}": Scene(**what, bundle=True) for name, what in alike.items()}


class Cosign:
    """One cosign program with its keys in a folder."""

    def __init__(self, program, folder):
        self.folder = folder
        self._program = program
        self.version = re.search(r"GitVersion:\s*(\S+)", self.run("version"))[1]
        self.public = {name: self._make_key(name, make) for name, make in KEYS.items()}

    def run(self, *words):
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "COSIGN_PASSWORD": "",
            "COSIGN_EXPERIMENTAL": "1",  # the referrers mode of v2
            "DOCKER_CONFIG": str(self.folder),
            "HTTPS_PROXY": "http://127.0.0.1:1",  # nothing outside is asked
        }
        done = subprocess.run(
            [self._program, *map(str, words)],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError((done.stderr or done.stdout).strip().splitlines()[-1])
        return done.stdout

    def sign(self, scene, image):
        common = ["--allow-insecure-registry", "--allow-http-registry", "-y"]
        common += self._offline(bundle=scene.bundle)
        for key, words in scene.signed:
            more = REFERRERS if scene.referrers else []
            self.run("sign", "--key", f"{key}.key", *common, *more, *words, image)
        if scene.attested:
            predicate = self.folder / "predicate.json"
            predicate.write_text('{"tested": true}')
            words = ["--predicate", predicate, "--type", "https://example.com/tested/v1", image]
            self.run("attest", "--key", f"{scene.attested}.key", *common, *words)

    def _offline(self, *, bundle):
        """Return what keeps both versions from asking the public services."""
        words = ["--tlog-upload=false", "--use-signing-config=false"]
        return [*words, f"--new-bundle-format={str(bundle).lower()}"]

    def _make_key(self, name, make):
        if make is None:
            self.run("generate-key-pair", "--output-key-prefix", name)
        else:
            private = self.folder / f"{name}.pem"
            private.write_bytes(make().private_pem)
            self.run("import-key-pair", "--key", private, "--output-key-prefix", name)
        return (self.folder / f"{name}.pub").read_text()


def record(cosign, registry, scene):
    """Sign an image and return what is to be known of the scene."""
    if scene.is_index:
        images = [("linux/amd64", {}), ("linux/arm64", {})]
        digest = registry.push_index(REPOSITORY, "1.0", images)
    else:
        digest = registry.push_image(REPOSITORY, "1.0")
    cosign.sign(scene, f"{registry.host}/{REPOSITORY}@{digest}")
    contents = Contents(registry)
    contents.collect()
    used = [key for key, _ in scene.signed] + ([scene.attested] if scene.attested else [])
    return {
        "digest": digest,
        "signed": [key for key, _ in scene.signed],
        "attested": scene.attested,
        "keys": {key: cosign.public[key] for key in used},
        "manifests": list(contents.manifests.values()),
        "blobs": list(contents.blobs.values()),
    }


class Contents:
    """All that lies in the repository, in an order in which it can be pushed again."""

    def __init__(self, registry):
        self._registry = registry
        self.manifests = {}
        self.blobs = {}

    def collect(self):
        for tag in sorted(self._json(f"/v2/{REPOSITORY}/tags/list")["tags"]):
            self._manifest(tag)

    def _manifest(self, reference):
        status, headers, body = self._registry.request(
            "GET", f"/v2/{REPOSITORY}/manifests/{reference}", headers={"Accept": ACCEPT}
        )
        assert status == 200, (reference, status)
        document = json.loads(body)
        for entry in document.get("manifests", []):
            self._manifest(entry["digest"])
        for entry in [*document.get("layers", []), *filter(None, [document.get("config")])]:
            self._blob(entry["digest"])
        self.manifests.setdefault(
            reference,
            {
                "reference": reference,
                "media_type": headers["Content-Type"],
                "text": body.decode(),
            },
        )
        for entry in self._referrers(headers["Docker-Content-Digest"]):
            self._manifest(entry["digest"])

    def _referrers(self, digest):
        status, _, body = self._registry.request("GET", f"/v2/{REPOSITORY}/referrers/{digest}")
        return json.loads(body)["manifests"] if status == 200 else []

    def _blob(self, digest):
        status, _, body = self._registry.request("GET", f"/v2/{REPOSITORY}/blobs/{digest}")
        assert status == 200, (digest, status)
        self.blobs[digest] = base64.b64encode(body).decode()

    def _json(self, path):
        return json.loads(self._registry.request("GET", path)[2])


def record_all(cosign):
    """Yield the scenes, as far as this program can do them."""
    for kind in (DistributionRegistry, ReferrersRegistry):
        for name, scene in scenes().items():
            with kind() as registry:
                if not scene.is_for(registry):
                    continue
                title = {"registry": kind.__name__.removesuffix("Registry").lower(), "scene": name}
                try:
                    yield title | record(cosign, registry, scene)
                except RuntimeError as error:
                    print(f"{title}: left out: {error}")


def main(program, output=OUTPUT):
    output = Path(output)
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        cosign = Cosign(str(Path(program).resolve()), Path(name))
        found = {"cosign": cosign.version, "scenes": list(record_all(cosign))}
    file = output / f"{cosign.version}.json"
    file.write_text(json.dumps(found, indent=1) + "\n")
    print(f"{file}: {len(found['scenes'])} scenes")


if __name__ == "__main__":
    main(*sys.argv[1:])
