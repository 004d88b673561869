"""Signatures: real ones verify, the others have their form and length."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import replace

import dkim
import dns.resolver
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from support.name_server import running_name_server

from loadkit.smtp.fields import Correspondents, NumberedAddress, Pattern, parse_text
from loadkit.smtp.message import IdHeaders, Particulars
from loadkit.smtp.mime import Letter
from loadkit.smtp.personal import PersonalTemplate
from loadkit.smtp.signing import DkimSigner, sized_signature, smime_signature

IDS = IdHeaders("abcdefgh", 3).lines(41, 1.7e9, 1.7e9, b"notice")
MESSAGE = Particulars(41, 1.7e9, 3, 4711)
PEOPLE = Correspondents(NumberedAddress("shop", "example.com", 10), NumberedAddress("user", "example.com", 10_000))
LETTER = Letter(PEOPLE, parse_text("订单 {number}"), body=parse_text(".亲爱的 {recipient}\n \n"), unique=True)
VALUES = (0, 0, 0, b"", 0, 0, b"", 1_700_000_000, b"A" * 72)


@pytest.fixture(scope="module")
def key() -> RSAPrivateKey:
    return generate_private_key(65537, 1024)


def pem(key: RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())


@pytest.mark.parametrize("transfer", ["8bit", "base64"])
@pytest.mark.parametrize("size", [0, 5000])
def test_a_real_signature_verifies_against_the_key_in_dns(key: RSAPrivateKey, transfer: str, size: int) -> None:
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    record = f"v=DKIM1; k=rsa; p={b64encode(public).decode()}"
    letter = replace(LETTER, transfer=transfer, padded=size > 0)  # type: ignore[arg-type]
    template = PersonalTemplate(letter, signer=DkimSigner("example.com", "s1", pem(key)))

    with running_name_server({("s1._domainkey.example.com", "TXT"): [record]}) as server:
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers, resolver.port = ["127.0.0.1"], server.address[1]

        def txt(name: bytes, timeout: float = 5) -> bytes:
            answer = resolver.resolve(name.decode(), "TXT", lifetime=timeout)
            return b"".join(answer[0].strings)

        chunk = template.render_bdat(IDS, size, MESSAGE).partition(b"\r\n")[2]
        data = template.render_data(IDS, size, MESSAGE)[:-3].replace(b"\r\n..", b"\r\n.")
        for content in (chunk, data):
            assert dkim.verify(content, dnsfunc=txt)
            assert not dkim.verify(content.replace(b"4711@", b"4712@"), dnsfunc=txt)
            assert not dkim.verify(content[:-4] + b"x\r\n", dnsfunc=txt)
            assert len(content) == size if size else len(content) <= template.minimum_bytes
        assert ("s1._domainkey.example.com", "TXT") in server.asked


@pytest.mark.parametrize("bits", [1024, 2048])
def test_a_sized_signature_has_the_tags_and_the_length_of_a_real_one(bits: int) -> None:
    signer = DkimSigner("example.com", "s1", pem(generate_private_key(65537, bits)))
    real = signer.sign(b"From: a@example.com\r\nSubject: x\r\n\r\nx\r\n")
    sized = Pattern(sized_signature("example.com", "s1", bits)).fill(VALUES)

    def tags(header: bytes) -> dict[str, str]:
        name, _, value = header.decode().partition(": ")
        assert name == "DKIM-Signature"
        assert value.endswith("\r\n")
        pairs = (tag.partition("=") for tag in re.sub(r"\s+", "", value).split(";"))
        return {tag: text for tag, _, text in pairs}

    assert tags(sized).keys() == tags(real).keys()
    assert {tag: len(text) for tag, text in tags(sized).items()} == {tag: len(text) for tag, text in tags(real).items()}
    for tag in ("v", "a", "c", "d", "i", "q", "s", "h"):
        assert tags(sized)[tag] == tags(real)[tag]
    assert abs(len(sized) - len(real)) <= 8  # folded elsewhere


def test_a_sized_signature_differs_from_message_to_message() -> None:
    template = PersonalTemplate(LETTER, seal=sized_signature("example.com", "s1", 2048))
    contents = [template.render_bdat(IDS, 0, MESSAGE) for _ in range(20)]
    signatures = {content.partition(b"b=")[2].partition(b"From:")[0] for content in contents}

    assert len(signatures) > 15
    assert {len(content) for content in contents} == {len(contents[0])}


def test_without_its_key_a_signature_has_the_usual_length() -> None:
    usual = DkimSigner("example.com", "s1", b"")
    known = DkimSigner("example.com", "s1", pem(generate_private_key(65537, 2048)))

    assert abs(usual.size_bytes() - known.size_bytes()) <= 8


def test_a_key_is_not_shown(key: RSAPrivateKey) -> None:
    assert "PRIVATE" not in repr(DkimSigner("example.com", "s1", pem(key)))


@pytest.mark.parametrize("size", [256, 257, 4096, 65_000])
def test_an_smime_signature_is_der_of_its_size(size: int) -> None:
    signature = smime_signature(size)

    assert len(signature) == size
    assert signature[:2] == b"\x30\x82"
    assert int.from_bytes(signature[2:4]) == size - 4
    assert signature[4:15].hex() == "06092a864886f70d010702"  # 1.2.840.113549.1.7.2, signedData
    assert signature[15:17] == b"\xa0\x82"
    assert int.from_bytes(signature[17:19]) == size - 19
