"""A time-stamping authority of one's own (RFC 3161), by the `openssl` program.

It stamps with the time that it is now; its certificates go into the root of trust.
"""

import datetime as dt
import subprocess

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_SETTINGS = """
[tsa]
default_tsa = own
[own]
serial = {folder}/serial
signer_digest = sha256
default_policy = 1.3.6.1.4.1.57264.2
digests = sha256
ess_cert_id_alg = sha256
"""


class TimeStamper:
    """folder: for its key and its files. chain: its certificates, the signing one first."""

    def __init__(self, folder):
        self._folder = folder
        root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        root = _certificate("Own time root", root_key, "Own time root", root_key)
        self.chain = [_certificate("Own time", key, "Own time root", root_key), root]
        (folder / "openssl.cnf").write_text(_SETTINGS.format(folder=folder))
        (folder / "serial").write_text("01\n")
        (folder / "key.pem").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        (folder / "signer.pem").write_bytes(self.chain[0].public_bytes(serialization.Encoding.PEM))

    def stamp(self, content):
        """Return the signed answer about bytes that exist now."""
        (self._folder / "content").write_bytes(content)
        self._run("-query", "-data", "content", "-sha256", "-cert", "-out", "query")
        self._run(
            "-reply", "-config", "openssl.cnf", "-queryfile", "query", "-signer", "signer.pem",
            "-inkey", "key.pem", "-out", "reply",
        )  # fmt: skip
        return (self._folder / "reply").read_bytes()

    def _run(self, *words):
        subprocess.run(
            ["openssl", "ts", *words], cwd=self._folder, check=True, capture_output=True, timeout=60
        )


def _certificate(name, key, issuer, issuer_key):
    is_root = name == issuer
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=3650))
        .add_extension(
            x509.BasicConstraints(ca=is_root, path_length=1 if is_root else None), critical=True
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if not is_root:
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
        builder = builder.add_extension(usage, critical=True)
    return builder.sign(issuer_key, hashes.SHA256())


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
