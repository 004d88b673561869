"""Keys and certificates that nobody should use any more."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
import warnings
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

if TYPE_CHECKING:
    from pathlib import Path

# Made by openssl, for cryptography makes no key so small.
RSA_512_BITS = (
    "MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAM1qyWWJBjaGbD6HGAT0g8A0pe73duNjwhFKTz"
    "Ma2QDf1qro+VUhBbTia9UkECDZFEh7XYqxvqfbtaDViHxM7fkCAwEAAQ=="
)


def write_bad_certificate(
    folder: Path, *, bits: int = 2048, days: tuple[int, int] = (-1, 90), host: str = "127.0.0.1"
) -> Path:
    """Make an RSA key and a self-signed certificate.

    Args:
        folder: Where the file goes.
        bits: Size of the key.
        days: Days from now on which it begins and ends to be valid.
        host: Address that it is for.

    Returns:
        A PEM file with key and certificate.
    """
    key = rsa.generate_private_key(65537, bits)
    name = x509.Name([])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + dt.timedelta(days=days[0]))
        .not_valid_after(now + dt.timedelta(days=days[1]))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / f"{bits}-{days[0]}-{days[1]}.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return file


def weak_server_context(certificate: Path, *, newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
    """The TLS settings of a server that takes whatever it is given, TLS 1.0 too."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = newest
    context.load_cert_chain(certificate)
    return context
