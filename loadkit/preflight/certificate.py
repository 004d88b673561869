"""A server's certificate from its bytes."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa

from loadkit.preflight.facts import CertificateFacts
from loadkit.preflight.finding import plain

_MOST_NAMES = 100


class CertificateError(ValueError):
    """The bytes are no certificate that can be read."""


def read_certificate(der: bytes) -> CertificateFacts:
    """Read a certificate.

    Args:
        der: Its DER form.

    Raises:
        CertificateError: If it can't be read.
    """
    try:
        certificate = x509.load_der_x509_certificate(der)
        key, key_bits = _key(certificate)
        return CertificateFacts(
            names=_names(certificate),
            issuer=plain(certificate.issuer.rfc4514_string()),
            self_signed=certificate.issuer == certificate.subject,
            not_before=certificate.not_valid_before_utc.timestamp(),
            not_after=certificate.not_valid_after_utc.timestamp(),
            key=key,
            key_bits=key_bits,
        )
    except Exception as error:  # a hostile certificate makes cryptography raise more than it documents
        raise CertificateError(plain(f"{type(error).__name__}: {error}")) from error


def _key(certificate: x509.Certificate) -> tuple[str, int]:
    match certificate.public_key():
        case rsa.RSAPublicKey() as key:
            return "RSA", key.key_size
        case ec.EllipticCurvePublicKey() as key:
            return "EC", key.key_size
        case ed25519.Ed25519PublicKey():
            return "Ed25519", 256
        case ed448.Ed448PublicKey():
            return "Ed448", 456
        case dsa.DSAPublicKey() as key:
            return "DSA", key.key_size
        case other:
            return type(other).__name__, 0


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    """Names that clients go by (RFC 6125): the alternative names, for they no longer look at the subject."""
    try:
        alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    names = [
        *alternative.get_values_for_type(x509.DNSName),
        *map(str, alternative.get_values_for_type(x509.IPAddress)),
    ]
    return tuple(plain(name) for name in names[:_MOST_NAMES])
