from __future__ import annotations

import smtplib
import ssl
from base64 import b64encode
from typing import TYPE_CHECKING

import pytest
from support.mail import RawClient, message
from support.sink import RunningSink, running_sink

from sinks.options import Engine, Tls

if TYPE_CHECKING:
    from collections.abc import Iterator

USER, PASSWORD = "joe@example.com", "corréct horse"
VARIABLES = {"SINK_USER": USER, "SINK_PASSWORD": PASSWORD}


@pytest.fixture(scope="module", params=list(Engine))
def engine(request: pytest.FixtureRequest) -> Engine:
    engine: Engine = request.param
    return engine


@pytest.fixture(scope="module")
def guarded(engine: Engine) -> Iterator[RunningSink]:
    with running_sink(VARIABLES, engine=engine, auth="SINK_USER:SINK_PASSWORD") as running:
        yield running


@pytest.fixture
def client(guarded: RunningSink) -> Iterator[RawClient]:
    with RawClient(guarded.host, guarded.port) as connected:
        yield connected


def base64(*parts: str) -> bytes:
    return b64encode("\0".join(parts).encode())


def bearer(token: str) -> bytes:
    return b64encode(f"user={USER}\x01auth=Bearer {token}\x01\x01".encode())


def test_mechanisms_are_offered_only_where_somebody_can_log_in(guarded: RunningSink, sink: RunningSink) -> None:
    for server, offered in ((guarded, "CRAM-MD5 LOGIN PLAIN XOAUTH2"), (sink, None)):
        with smtplib.SMTP(server.host, server.port) as sender:
            sender.ehlo()
            assert sender.esmtp_features.get("auth", "").strip() == (offered or "")


@pytest.mark.parametrize("command", [b"MAIL FROM:<a@example.com>", b"RCPT TO:<a@example.com>", b"DATA"])
def test_nothing_is_taken_before(client: RawClient, command: bytes) -> None:
    assert client.ask(command) == 530


def test_mail_is_taken_after(guarded: RunningSink, client: RawClient) -> None:
    before = guarded.collect().deliveries
    assert client.ask(b"AUTH PLAIN " + base64("", USER, PASSWORD)) == 235
    client.begin()
    client.send(message(0) + b".\r\n")
    assert client.code() == 250
    assert guarded.collect().deliveries == before + 1


@pytest.mark.parametrize(("password", "code"), [(PASSWORD, 235), ("wrong", 535)])
def test_mechanisms(guarded: RunningSink, password: str, code: int) -> None:
    for dialogue in (
        [b"AUTH PLAIN " + base64("", USER, password)],
        [b"AUTH PLAIN", base64("", USER, password)],
        [b"AUTH LOGIN", base64(USER), base64(password)],
        [b"AUTH LOGIN " + base64(USER), base64(password)],
        [b"AUTH XOAUTH2 " + bearer(password)],
        [b"AUTH XOAUTH2", bearer(password)],
    ):
        with RawClient(guarded.host, guarded.port) as client:
            assert [client.ask(line) for line in dialogue] == [334] * (len(dialogue) - 1) + [code]


@pytest.mark.parametrize(("password", "code"), [("correct", 235), ("wrong", 535)])
def test_cram_md5(engine: Engine, password: str, code: int) -> None:
    with (
        running_sink(
            {"SINK_USER": "joe", "SINK_PASSWORD": "correct"}, engine=engine, auth="SINK_USER:SINK_PASSWORD"
        ) as sink,
        smtplib.SMTP(sink.host, sink.port) as client,
    ):
        client.ehlo()
        client.user, client.password = "joe", password
        if code == 235:
            assert client.auth("CRAM-MD5", client.auth_cram_md5)[0] == code
        else:
            with pytest.raises(smtplib.SMTPAuthenticationError) as raised:
                client.auth("CRAM-MD5", client.auth_cram_md5)
            assert raised.value.smtp_code == code


@pytest.mark.parametrize(
    ("dialogue", "code"),
    [
        ([b"AUTH PLAIN *"], 501),
        ([b"AUTH PLAIN", b"*"], 501),
        ([b"AUTH PLAIN " + base64("only", "two")], 501),
        ([b"AUTH LOGIN", b"\xff\xfe"], 501),
        ([b"AUTH CRAM-MD5", b"*"], 501),
        ([b"AUTH CRAM-MD5", base64("nonsense")], 535),
        ([b"AUTH XOAUTH2 ###"], 501),
        ([b"AUTH XOAUTH2", b"*"], 501),
        ([b"AUTH GSSAPI"], 504),
        ([b"AUTH"], 501),
    ],
)
def test_nonsense_is_refused_and_the_session_goes_on(client: RawClient, dialogue: list[bytes], code: int) -> None:
    assert [client.ask(line) for line in dialogue][-1] == code
    assert client.ask(b"NOOP") == 250


def test_login_under_tls(engine: Engine) -> None:
    for tls in (Tls.STARTTLS, Tls.IMPLICIT):
        with running_sink({"U": "joe", "P": "secret"}, engine=engine, auth="U:P", tls=tls) as sink:
            context = ssl.create_default_context(cafile=str(sink.certificate))
            if tls is Tls.IMPLICIT:
                client: smtplib.SMTP = smtplib.SMTP_SSL(sink.host, sink.port, context=context)
            else:
                client = smtplib.SMTP(sink.host, sink.port)
                client.starttls(context=context)
            with client:
                assert client.login("joe", "secret")[0] == 235
