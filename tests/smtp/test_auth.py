"""SASL mechanisms against the examples of their RFCs."""

from __future__ import annotations

import base64

import pytest

from loadkit.smtp.auth import AuthError, Credentials, Mechanism, answer, auth_command


def test_plain_of_rfc_4954() -> None:
    credentials = Credentials(Mechanism.PLAIN, "test", "1234")
    assert auth_command(credentials) == b"AUTH PLAIN AHRlc3QAMTIzNA==\r\n"


def test_login() -> None:
    credentials = Credentials(Mechanism.LOGIN, "test", "1234")
    assert auth_command(credentials) == b"AUTH LOGIN\r\n"
    assert answer(credentials, b"VXNlcm5hbWU6", 0) == base64.b64encode(b"test") + b"\r\n"
    assert answer(credentials, b"UGFzc3dvcmQ6", 1) == base64.b64encode(b"1234") + b"\r\n"


def test_cram_md5_of_rfc_2195() -> None:
    credentials = Credentials(Mechanism.CRAM_MD5, "tim", "tanstaaftanstaaf")
    challenge = base64.b64encode(b"<1896.697170952@postoffice.reston.mci.net>")
    assert base64.b64decode(answer(credentials, challenge, 0)) == b"tim b913a602c7eda7a495b4e6e7334d3890"


def test_xoauth2_answers_the_reason_of_a_refusal_with_an_empty_line() -> None:
    credentials = Credentials(Mechanism.XOAUTH2, "a@example.com", "token")
    first = base64.b64decode(auth_command(credentials).split()[2])
    assert first == b"user=a@example.com\x01auth=Bearer token\x01\x01"
    assert answer(credentials, base64.b64encode(b'{"status":"401"}'), 0) == b"\r\n"


@pytest.mark.parametrize(("challenge", "step"), [(b"!!", 0), (b"", 2)])
def test_challenges_that_make_no_sense(challenge: bytes, step: int) -> None:
    with pytest.raises(AuthError):
        answer(Credentials(Mechanism.LOGIN, "a", "b"), challenge, step)


def test_no_repr_shows_the_secret() -> None:
    assert "hunter2" not in repr(Credentials(Mechanism.PLAIN, "a", "hunter2"))
