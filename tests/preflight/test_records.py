"""DKIM keys and DMARC policies in their TXT records."""

from __future__ import annotations

import base64
from contextlib import suppress

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from support.keys import RSA_512_BITS

from loadkit.preflight.records import DkimKey, RecordError, parse_dkim, parse_dmarc, parse_tags


def encoded(key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> str:
    return base64.b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


RSA_1024 = encoded(rsa.generate_private_key(65537, 1024).public_key())
EC_256 = encoded(ec.generate_private_key(ec.SECP256R1()).public_key())
ED_25519 = base64.b64encode(
    ed25519.Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
).decode()


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (f"v=DKIM1; k=rsa; p={RSA_1024}", DkimKey("rsa", 1024, testing=False)),
        (f"p={RSA_1024[:60]} {RSA_1024[60:]};", DkimKey("rsa", 1024, testing=False)),
        (f"v=DKIM1; t=s:y; p={RSA_512_BITS}", DkimKey("rsa", 512, testing=True)),
        (f"v=DKIM1; k=ed25519; p={ED_25519}", DkimKey("ed25519", 256, testing=False)),
        ("v=DKIM1; p=", DkimKey("rsa", 0, testing=False)),
    ],
    ids=["RSA", "in two strings", "testing", "Ed25519", "withdrawn"],
)
def test_dkim(text: str, key: DkimKey) -> None:
    assert parse_dkim(text) == key


@pytest.mark.parametrize(
    ("text", "trouble"),
    [
        ("v=DKIM2; p=", "its version is 'DKIM2', not DKIM1"),
        ("v=DKIM1; k=dsa; p=AAAA", "neither rsa nor ed25519"),
        ("v=DKIM1; k=rsa", "it has no p= with a key"),
        ("v=DKIM1; p=AAA*", "not base64"),
        ("v=DKIM1; p=AAAA", "no public key"),
        (f"v=DKIM1; p={RSA_1024[:-40]}", "no public key"),
        (f"v=DKIM1; p={EC_256}", "no RSA key"),
        (f"v=DKIM1; k=ed25519; p={RSA_1024}", "bytes instead of 32"),
        ("v=DKIM1; p=AAAA; p=BBBB", "the tag p= comes twice"),
        ("some other text", "'some other text' is not tag=value"),
    ],
    ids=["version", "kind", "no key", "base64", "DER", "cut", "EC", "length", "twice", "text"],
)
def test_malformed_dkim(text: str, trouble: str) -> None:
    with pytest.raises(RecordError, match=trouble.replace("*", r"\*")):
        parse_dkim(text)


@pytest.mark.parametrize(
    ("text", "policy"),
    [("v=DMARC1; p=reject", "reject"), ("v=DMARC1;p=None;rua=mailto:x@y.test", "none")],
)
def test_dmarc(text: str, policy: str) -> None:
    assert parse_dmarc(text) == policy


@pytest.mark.parametrize(
    ("text", "trouble"),
    [
        ("p=reject; v=DMARC1", "does not begin with v=DMARC1;"),
        ("v=DMARC1", "it has no p="),
        ("v=DMARC1; p=block", "its p= is 'block'"),
        ("v=DMARC1 p=reject", "does not begin with v=DMARC1;"),
    ],
)
def test_malformed_dmarc(text: str, trouble: str) -> None:
    with pytest.raises(RecordError, match=trouble):
        parse_dmarc(text)


@given(st.text(max_size=200))
@pytest.mark.parametrize("parse", [parse_tags, parse_dkim, parse_dmarc])
def test_nothing_else_is_raised(parse: object, text: str) -> None:
    assert callable(parse)
    for record in (text, f"v=DKIM1; p={text}", f"v=DMARC1; p={text}"):
        with suppress(RecordError):
            parse(record)
