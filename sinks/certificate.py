"""A self-signed certificate for a sink that speaks TLS."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from pathlib import Path

_VALID_FOR = dt.timedelta(days=30)
_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
_CLOCK_SKEW = dt.timedelta(days=1)


def write_certificate(folder: Path) -> Path:
    """Make a P-256 key and a certificate signed with it for ``localhost``, 127.0.0.1 and ::1, valid for 30 days.

    Args:
        folder: An existing folder that nobody else can read; it gets ``sink.pem``.

    Returns:
        The file with key and certificate, which a client can also take as its trust anchor.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + _self_signed(key).public_bytes(serialization.Encoding.PEM)
    file = folder / "sink.pem"
    file.touch(mode=0o600)
    file.write_bytes(pem)
    return file


def server_context(certificate: Path, minimum: str = "1.2") -> ssl.SSLContext:
    """The TLS settings of a server.

    Args:
        certificate: A PEM file with the key and the certificate.
        minimum: The oldest version of TLS that is spoken, ``1.2`` or ``1.3``.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = _VERSIONS[minimum]
    context.load_cert_chain(certificate)
    return context


def _self_signed(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loadkit sink")])
    addresses = [x509.IPAddress(ipaddress.ip_address(address)) for address in ("127.0.0.1", "::1")]
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + _VALID_FOR)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost"), *addresses]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
