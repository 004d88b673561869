"""Signatures: headers of a DKIM signature's form and length, real ones by dkimpy, and S/MIME parts of a wanted size."""

from __future__ import annotations

import random
from base64 import b64encode
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

from loadkit.errors import UsageError
from loadkit.smtp.fields import Field, Slot

DEFAULT_BITS = 2048
SEAL_LENGTH = 72
"""Letters of a sized signature that differ from message to message: one line of it."""

_SIGNED = ("from", "to", "subject", "date", "message-id", "mime-version", "content-type")
_SAMPLE = b"".join(b"%b: x\r\n" % name.encode() for name in _SIGNED) + b"\r\nx\r\n"
# SEQUENCE { OBJECT IDENTIFIER signedData, [0] { SEQUENCE { ... with lengths of two bytes (RFC 5652 section 3).
_SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
_TWO_BYTE_LENGTH = 4


class _Dkim(Protocol):
    def sign(self, message: bytes, selector: bytes, domain: bytes, privkey: bytes, **options: object) -> bytes: ...


def sized_signature(domain: str, selector: str, bits: int) -> tuple[bytes | Slot, ...]:
    """The header line of a DKIM signature that is none: random where the hashes and the signature stand.

    Args:
        domain: Whose signature.
        selector: Name of the key.
        bits: Length of the RSA key whose signature it looks like.
    """
    generator = random.Random(f"{domain} {selector}")
    body_hash = b64encode(generator.randbytes(32)).decode()
    seal = b64encode(generator.randbytes(bits // 8))[SEAL_LENGTH:].decode()
    lines = "".join(f"\r\n {seal[start : start + SEAL_LENGTH]}" for start in range(0, len(seal), SEAL_LENGTH))
    head = f"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d={domain};\r\n i=@{domain}; "
    middle = f";\r\n h={' : '.join(_SIGNED[:4])} :\r\n {' : '.join(_SIGNED[4:])};\r\n bh={body_hash};\r\n b="
    return (
        f"{head}q=dns/txt; s={selector}; t=".encode(),
        Slot(Field.SECOND, b"%d"),
        middle.encode(),
        Slot(Field.SEAL, b"%b"),
        f"{lines}\r\n".encode(),
    )


@dataclass(frozen=True, slots=True)
class DkimSigner:
    """Signs messages (RFC 6376, relaxed/relaxed, rsa-sha256).

    Args:
        domain: Whose signature.
        selector: Name of the key.
        key: The private RSA key in PEM; empty where it is not known yet, and nothing is signed.
    """

    domain: str
    selector: str
    key: bytes = field(repr=False)

    def sign(self, content: bytes) -> bytes:
        """The header line, with CRLF, that signs a message.

        Raises:
            UsageError: If dkimpy is not installed.
        """
        return bytes(
            _dkim().sign(
                content,
                self.selector.encode(),
                self.domain.encode(),
                self.key,
                canonicalize=(b"relaxed", b"relaxed"),
                include_headers=[name.encode() for name in _SIGNED],
            )
        )

    def size_bytes(self) -> int:
        """Length of the header line, which is the same for every message; without the key that of the usual length."""
        if not self.key:
            values = {Field.SECOND: b"0" * 10, Field.SEAL: b"0" * SEAL_LENGTH}
            pieces = sized_signature(self.domain, self.selector, DEFAULT_BITS)
            return sum(len(values[Field(piece.place)] if isinstance(piece, Slot) else piece) for piece in pieces)
        return _size_bytes(self)


@lru_cache(maxsize=16)
def _size_bytes(signer: DkimSigner) -> int:
    return len(signer.sign(_SAMPLE))


def smime_signature(size_bytes: int) -> bytes:
    """Bytes that begin as a detached S/MIME signature does and are random behind.

    Args:
        size_bytes: How many, from 256 to 65,000.
    """
    inner = size_bytes - _TWO_BYTE_LENGTH
    content = inner - len(_SIGNED_DATA) - _TWO_BYTE_LENGTH
    head = b"\x30\x82%b%b\xa0\x82%b" % (inner.to_bytes(2), _SIGNED_DATA, content.to_bytes(2))
    return head + random.Random(size_bytes).randbytes(content)


def _dkim() -> _Dkim:
    try:
        import dkim  # noqa: PLC0415 - an extra, and slow to import
    except ImportError as error:
        raise UsageError("real DKIM signatures need dkimpy", hint="pip install 'loadkit[dkim]'") from error
    module: _Dkim = dkim
    return module
