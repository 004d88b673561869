from __future__ import annotations

import smtplib
import socket
import ssl
from typing import TYPE_CHECKING

import pytest
from support.mail import RUN, RawClient, message
from support.sink import RunningSink, running_sink

from loadkit.errors import UsageError
from sinks.listener import service_for
from sinks.options import Engine, SinkOptions, Tls

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module", params=list(Engine))
def engine(request: pytest.FixtureRequest) -> Engine:
    engine: Engine = request.param
    return engine


@pytest.fixture(scope="module")
def starttls(engine: Engine) -> Iterator[RunningSink]:
    with running_sink(engine=engine, tls=Tls.STARTTLS) as running:
        yield running


@pytest.fixture(scope="module")
def implicit(engine: Engine) -> Iterator[RunningSink]:
    with running_sink(engine=engine, tls=Tls.IMPLICIT) as running:
        yield running


def trusting(sink: RunningSink) -> ssl.SSLContext:
    assert sink.certificate is not None
    return ssl.create_default_context(cafile=str(sink.certificate))


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_starttls_with_a_certificate_that_can_be_verified(starttls: RunningSink, host: str) -> None:
    with smtplib.SMTP(host, starttls.port) as client:
        client.ehlo()
        assert client.has_extn("starttls")
        client.starttls(context=trusting(starttls))
        assert isinstance(client.sock, ssl.SSLSocket)
        assert client.sock.version() == "TLSv1.3"
        client.ehlo()
        assert not client.has_extn("starttls")
        before = starttls.collect().deliveries
        body = b"x" * 70 + b"\r\n"
        client.sendmail("a@example.com", ["b@example.com"], message(0, body=body * 10_000))
    assert starttls.collect().deliveries == before + 1


def test_no_older_version_than_demanded_is_spoken(engine: Engine) -> None:
    with running_sink(engine=engine, tls=Tls.IMPLICIT, tls_minimum="1.3") as sink:
        older = trusting(sink)
        older.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises(ssl.SSLError), smtplib.SMTP_SSL("localhost", sink.port, context=older):
            pass
        with smtplib.SMTP_SSL("localhost", sink.port, context=trusting(sink)) as client:
            assert client.noop()[0] == 250


def test_implicit_tls_with_a_certificate_that_can_be_verified(implicit: RunningSink) -> None:
    with smtplib.SMTP_SSL(implicit.host, implicit.port, context=trusting(implicit)) as client:
        for seq in range(3):
            client.sendmail("a@example.com", ["b@example.com"], message(seq))
    assert implicit.collect().runs[RUN].distinct == 3


def test_plaintext_before_the_handshake_is_dropped(starttls: RunningSink) -> None:
    with RawClient(starttls.host, starttls.port) as client:
        client.send(b"STARTTLS\r\nMAIL FROM:<injected@example.com>\r\nRSET\r\n")
        assert client.code() == 220
        with trusting(starttls).wrap_socket(client.socket, server_hostname="localhost") as wrapped:
            wrapped.sendall(b"NOOP ignored\r\nQUIT\r\n")
            wrapped.settimeout(5)
            assert b"".join(iter(lambda: wrapped.recv(4096), b"")) == b"250 OK\r\n221 Bye\r\n"


def test_state_from_before_the_handshake_is_forgotten(starttls: RunningSink) -> None:
    with RawClient(starttls.host, starttls.port) as client:
        assert client.ask(b"MAIL FROM:<a@example.com>") == 250
        assert client.ask(b"STARTTLS") == 220
        with trusting(starttls).wrap_socket(client.socket, server_hostname="localhost") as wrapped:
            wrapped.sendall(b"RCPT TO:<b@example.com>\r\n")
            assert wrapped.recv(3) == b"503"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_versions(implicit: RunningSink, version: ssl.TLSVersion) -> None:
    context = trusting(implicit)
    context.minimum_version = context.maximum_version = version
    with smtplib.SMTP_SSL(implicit.host, implicit.port, context=context) as client:
        assert client.noop()[0] == 250


def test_what_is_no_tls_ends_only_that_connection(implicit: RunningSink, starttls: RunningSink) -> None:
    with RawClient(implicit.host, implicit.port, greet=False) as client:
        client.send(b"EHLO client.test\r\n" * 10)
        client.socket.settimeout(5)
        while client.socket.recv(100):
            pass
    with RawClient(starttls.host, starttls.port) as client:
        assert client.ask(b"STARTTLS") == 220
        client.send(b"this is no TLS\r\n" * 10)
        while client.socket.recv(100):
            pass
    for sink in (implicit, starttls):
        with socket.create_connection((sink.host, sink.port)):
            pass
    with smtplib.SMTP_SSL(implicit.host, implicit.port, context=trusting(implicit)) as sender:
        assert sender.noop()[0] == 250


def test_own_certificate(certificate: Path) -> None:
    with running_sink(tls=Tls.STARTTLS, certificate=certificate) as sink, smtplib.SMTP(sink.host, sink.port) as client:
        client.starttls(context=ssl.create_default_context(cafile=str(certificate)))
        assert client.noop()[0] == 250


@pytest.mark.parametrize("content", [None, "nonsense"])
def test_unusable_certificate_is_a_usage_error(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "certificate.pem"
    if content:
        file.write_text(content)
    with pytest.raises(UsageError, match="has no usable key and certificate"):
        service_for(SinkOptions(tls=Tls.STARTTLS, certificate=file))
