"""The runner's certificate: one from files, or one that it makes for itself at each start.

A self-made one needs no authority: the handshake proves it (flux/handshake.py).
"""

import os
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gitops_bot.errors import SettingsError
from gitops_bot.flux.handshake import fingerprint

_LIFE = timedelta(days=3650)


@dataclass(frozen=True)
class Certificate:
    """What TLS needs, and the name by which the handshake knows it."""

    context: ssl.SSLContext
    fingerprint: str


def from_files(certificate: Path, key: Path) -> Certificate:
    """Read a certificate (PEM, the runner's own first) and its key; SettingsError."""
    try:
        context = _context()
        context.load_cert_chain(certificate, key)
        first = x509.load_pem_x509_certificate(certificate.read_bytes())
    except (OSError, ssl.SSLError, ValueError) as error:
        raise SettingsError(
            f"{certificate} and {key} are not a certificate and its key in PEM form: {error}"
        ) from error
    return Certificate(context, fingerprint(first.public_bytes(serialization.Encoding.DER)))


def self_made() -> Certificate:
    """Make a key that never leaves this process, and a certificate for it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gitops-bot-runner")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _LIFE)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    context = _context()
    # The ssl module reads files only: this one has no name, and lies in memory.
    file = os.memfd_create("certificate", os.MFD_CLOEXEC)
    try:
        os.write(file, secret + made.public_bytes(serialization.Encoding.PEM))
        context.load_cert_chain(f"/proc/self/fd/{file}")
    finally:
        os.close(file)
    return Certificate(context, fingerprint(made.public_bytes(serialization.Encoding.DER)))


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context
