"""DKIM keys (RFC 6376 section 3.6.1) and DMARC policies (RFC 7489 section 6.3) from their TXT records."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

_ED25519_BYTES = 32
_POLICIES = ("none", "quarantine", "reject")


class RecordError(ValueError):
    """The record is malformed; the message says how."""


@dataclass(frozen=True, slots=True)
class DkimKey:
    """A DKIM key.

    Args:
        kind: ``rsa`` or ``ed25519``.
        bits: Its size; 0 for a key that was revoked.
        testing: Whether the domain says that it only tests.
    """

    kind: str
    bits: int
    testing: bool


def parse_dkim(text: str) -> DkimKey:
    """Read a DKIM record.

    Raises:
        RecordError: If it is malformed.
    """
    tags = parse_tags(text)
    if tags.get("v", "DKIM1") != "DKIM1":
        raise RecordError(f"its version is {tags['v']!r}, not DKIM1")
    kind = tags.get("k", "rsa").lower()
    if kind not in ("rsa", "ed25519"):
        raise RecordError(f"its kind of key, {kind!r}, is neither rsa nor ed25519")
    if "p" not in tags:
        raise RecordError("it has no p= with a key")
    testing = "y" in tags.get("t", "").split(":")
    encoded = "".join(tags["p"].split())
    return DkimKey(kind, _key_bits(kind, encoded) if encoded else 0, testing)


def _key_bits(kind: str, encoded: str) -> int:
    try:
        key = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise RecordError("what follows p= is not base64") from error
    if kind == "ed25519":
        if len(key) != _ED25519_BYTES:
            raise RecordError(f"its ed25519 key has {len(key)} bytes instead of {_ED25519_BYTES}")
        return _ED25519_BYTES * 8
    try:
        public = load_der_public_key(key)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise RecordError("what follows p= is no public key") from error
    if not isinstance(public, rsa.RSAPublicKey):
        raise RecordError("what follows p= is no RSA key")
    return public.key_size


def parse_dmarc(text: str) -> str:
    """The policy of a DMARC record: ``none``, ``quarantine`` or ``reject``.

    Raises:
        RecordError: If it is malformed.
    """
    tags = parse_tags(text)
    if next(iter(tags.items()), None) != ("v", "DMARC1"):
        raise RecordError("it does not begin with v=DMARC1;")
    policy = tags.get("p", "").lower()
    if policy not in _POLICIES:
        raise RecordError(
            f"its p= is {policy!r}, which is none of {', '.join(_POLICIES)}" if policy else "it has no p="
        )
    return policy


def parse_tags(text: str) -> dict[str, str]:
    """A list of tags such as ``v=DKIM1; k=rsa; p=...`` (RFC 6376 section 3.2).

    Raises:
        RecordError: If a part is no tag, or a tag comes twice.
    """
    tags: dict[str, str] = {}
    for part in text.split(";"):
        if not part.strip():
            continue
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not name.replace("_", "").isalnum():
            raise RecordError(f"{part.strip()[:40]!r} is not tag=value")
        if name in tags:
            raise RecordError(f"the tag {name}= comes twice")
        tags[name] = value
    return tags
