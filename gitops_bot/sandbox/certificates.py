"""Keys and certificates for one API server on loopback, made anew at each start."""

import datetime as dt
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_LIFETIME = dt.timedelta(days=365)


@dataclass(frozen=True, slots=True)
class ServerKeys:
    """Files in PEM format."""

    ca: Path
    certificate: Path
    key: Path
    # Signs the tokens of ServiceAccounts.
    service_account_key: Path


def _write_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Make a P-256 key, in the format from which kube-apiserver can take the public half too."""
    key = ec.generate_private_key(ec.SECP256R1())
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
    )
    return key


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def make_keys(folder: Path) -> ServerKeys:
    """Make a CA and a server certificate for 127.0.0.1 and localhost."""
    folder.mkdir(parents=True, exist_ok=True)
    keys = ServerKeys(*(folder / name for name in ("ca.crt", "server.crt", "server.key", "service-accounts.key")))
    _write_key(keys.service_account_key)
    ca_key, server_key = _write_key(folder / "ca.key"), _write_key(keys.key)
    # An hour back: a clock that is set while this runs does not make them invalid.
    begin = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
    identifier = x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key())
    unused = ("content_commitment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only")
    usage = dict.fromkeys(unused, False)

    def builder(subject: str, public_key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(_name(subject))
            .issuer_name(_name("gitops-bot sandbox CA"))
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(begin + _LIFETIME)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        )

    ca = (
        builder("gitops-bot sandbox CA", ca_key.public_key())
        .add_extension(identifier, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.KeyUsage(digital_signature=True, key_encipherment=False, key_cert_sign=True, crl_sign=True, **usage),
            critical=True,
        )
        .sign(ca_key, hashes.SHA256())
    )
    addresses = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
    server = (
        builder("kube-apiserver", server_key.public_key())
        .add_extension(x509.SubjectAlternativeName(addresses), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(digital_signature=True, key_encipherment=True, key_cert_sign=False, crl_sign=False, **usage),
            critical=True,
        )
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    keys.ca.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    keys.certificate.write_bytes(server.public_bytes(serialization.Encoding.PEM))
    return keys
