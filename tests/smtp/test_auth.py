"""SASL mechanisms against the examples of their RFCs."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadkit.smtp.auth import AuthError, Credentials, Mechanism, answer, auth_command
from loadkit.smtp.state import DialogueSettings

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\1"), min_size=1, max_size=80)


def challenge(text: bytes) -> bytes:
    return base64.b64encode(text)


def test_plain_of_rfc_4954() -> None:
    credentials = Credentials(Mechanism.PLAIN, "test", "1234")
    assert auth_command(credentials) == b"AUTH PLAIN AHRlc3QAMTIzNA==\r\n"


def test_login() -> None:
    credentials = Credentials(Mechanism.LOGIN, "test", "1234")
    assert auth_command(credentials) == b"AUTH LOGIN\r\n"
    assert answer(credentials, b"VXNlcm5hbWU6", 0) == b"dGVzdA==\r\n"
    assert answer(credentials, b"UGFzc3dvcmQ6", 1) == b"MTIzNA==\r\n"


@pytest.mark.parametrize("prompt", [b"", b" ", b"VXNlciBOYW1lAA==", b" VXNlcm5hbWU6 "])
def test_login_does_not_mind_how_the_server_asks(prompt: bytes) -> None:
    assert answer(Credentials(Mechanism.LOGIN, "test", "1234"), prompt, 0) == b"dGVzdA==\r\n"


def test_cram_md5_of_rfc_2195() -> None:
    credentials = Credentials(Mechanism.CRAM_MD5, "tim", "tanstaaftanstaaf")
    assert auth_command(credentials) == b"AUTH CRAM-MD5\r\n"
    asked = b"PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+"
    assert base64.b64decode(asked) == b"<1896.697170952@postoffice.reston.mci.net>"
    assert answer(credentials, asked, 0) == b"dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw\r\n"


@settings(deadline=None)
@given(TEXT, TEXT, st.binary(max_size=100))
def test_cram_md5_is_the_keyed_digest_of_rfc_2104(username: str, secret: str, asked: bytes) -> None:
    key = secret.encode()
    key = (hashlib.md5(key).digest() if len(key) > 64 else key).ljust(64, b"\0")
    inner = hashlib.md5(bytes(byte ^ 0x36 for byte in key) + asked).digest()
    digest = hashlib.md5(bytes(byte ^ 0x5C for byte in key) + inner).hexdigest()
    line = answer(Credentials(Mechanism.CRAM_MD5, username, secret), challenge(asked), 0)
    assert base64.b64decode(line) == f"{username} {digest}".encode()


def test_xoauth2_answers_the_reason_of_a_refusal_with_an_empty_line() -> None:
    credentials = Credentials(
        Mechanism.XOAUTH2, "someuser@example.com", "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg"
    )
    first = auth_command(credentials).removeprefix(b"AUTH XOAUTH2 ")
    assert base64.b64decode(first) == (
        b"user=someuser@example.com\x01auth=Bearer ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg\x01\x01"
    )
    assert answer(credentials, challenge(b'{"status":"401","schemes":"bearer"}'), 0) == b"\r\n"


@settings(deadline=None)
@given(st.sampled_from(Mechanism), TEXT, TEXT)
def test_whatever_the_secret_each_line_is_one_line(mechanism: Mechanism, username: str, secret: str) -> None:
    credentials = Credentials(mechanism, username, secret)
    lines = [auth_command(credentials)]
    if mechanism is not Mechanism.PLAIN:
        lines.append(answer(credentials, challenge(b"<1@example.com>"), 0))
    for line in lines:
        assert line.isascii()
        assert line.endswith(b"\r\n")
        assert b"\r" not in line[:-2]
        assert b"\n" not in line[:-2]


STEPS = {Mechanism.PLAIN: 0, Mechanism.LOGIN: 2, Mechanism.CRAM_MD5: 1, Mechanism.XOAUTH2: 1}


@pytest.mark.parametrize("mechanism", Mechanism)
@pytest.mark.parametrize("text", [b"", b"VXNlcm5hbWU6"])
def test_a_challenge_too_many(mechanism: Mechanism, text: bytes) -> None:
    credentials = Credentials(mechanism, "a", "b")
    for step in range(STEPS[mechanism]):
        answer(credentials, text, step)
    with pytest.raises(AuthError, match="not expected"):
        answer(credentials, text, STEPS[mechanism])


@pytest.mark.parametrize("text", [b"!!", b"abc", b"YW Jj", b"\xff\xfe", b"go ahead", b"YWJ\rj"])
@pytest.mark.parametrize("mechanism", [Mechanism.LOGIN, Mechanism.CRAM_MD5, Mechanism.XOAUTH2])
def test_a_challenge_that_is_not_base64(mechanism: Mechanism, text: bytes) -> None:
    with pytest.raises(AuthError, match="not base64"):
        answer(Credentials(mechanism, "a", "b"), text, 0)


@pytest.mark.parametrize("mechanism", Mechanism)
def test_no_repr_shows_the_secret(mechanism: Mechanism) -> None:
    credentials = Credentials(mechanism, "tim", "hunter2")
    shown = [
        repr(credentials),
        str(credentials),
        f"{credentials}",
        repr(DialogueSettings(credentials=credentials)),
        repr([credentials]),
    ]
    for text in shown:
        assert "tim" in text
        assert "hunter2" not in text


def test_no_error_shows_the_secret() -> None:
    with pytest.raises(AuthError) as error:
        answer(Credentials(Mechanism.PLAIN, "tim", "hunter2"), b"", 0)
    assert "hunter2" not in repr(error.value)
