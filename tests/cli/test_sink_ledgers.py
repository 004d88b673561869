"""Ledgers fetched over HTTP: from sinks as they are, and from what is none."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from support.mail import RUN, RawClient, message
from support.sink import RunningSink, running_sink

from loadkit.cli._sink_ledgers import SinkLedgers, sink_ledgers
from loadkit.errors import ExitCode, TargetError, UsageError
from sinks.intake import Intake

TOKEN = "a-token-nobody-may-see"


@pytest.fixture
def admin_sink() -> Iterator[RunningSink]:
    with running_sink(admin="127.0.0.1:0") as sink:
        yield sink


def send(sink: RunningSink, *seqs: int) -> None:
    with RawClient(sink.host, sink.port) as client:
        for seq in seqs:
            client.begin()
            assert client.ask(message(seq) + b".") == 250


def url_of(sink: RunningSink) -> str:
    assert sink.admin is not None
    return sink.admin


@contextmanager
def http_server(status: int, body: bytes, headers: dict[str, str] | None = None) -> Iterator[tuple[str, list[str]]]:
    """A server that answers everything alike; gives its address and the requests it got, with their tokens."""
    requests: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requests.append(f"{self.path} {self.headers['Authorization']}")
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", requests
        finally:
            server.shutdown()
            thread.join()


def test_what_arrived_at_a_sink(admin_sink: RunningSink) -> None:
    ledgers = sink_ledgers([url_of(admin_sink)], None)
    assert ledgers.relayed
    assert ledgers.fetch(RUN).deliveries == 0
    send(admin_sink, 0, 1, 1)
    ledger = ledgers.fetch(RUN)
    assert (ledger.deliveries, ledger.duplicates, list(ledger.senders[0].ranges())) == (3, 1, [(0, 1)])
    assert ledgers.fetch("ofanotherrun").deliveries == 0


def test_several_sinks_count_as_one(admin_sink: RunningSink) -> None:
    with running_sink(admin="127.0.0.1:0") as other:
        ledgers = sink_ledgers([url_of(admin_sink), url_of(other) + "/", url_of(other)], None)
        send(admin_sink, 0, 1)
        send(other, 1, 2)
        ledger = ledgers.fetch(RUN)
    assert (ledger.deliveries, ledger.duplicates, ledger.distinct) == (4, 1, 3)


def test_a_token_opens_the_door(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEDGER_TOKEN", TOKEN)
    with running_sink({"SINK_TOKEN": TOKEN}, admin="127.0.0.1:0", admin_token_env="SINK_TOKEN") as sink:
        assert sink_ledgers([url_of(sink)], "LEDGER_TOKEN").fetch(RUN).deliveries == 0
        with pytest.raises(TargetError, match="answers 401") as caught:
            sink_ledgers([url_of(sink)], None)
        assert "delivery.token_env" in caught.value.hint
        monkeypatch.setenv("LEDGER_TOKEN", "wrong")
        with pytest.raises(TargetError, match="answers 401"):
            sink_ledgers([url_of(sink)], "LEDGER_TOKEN")


def test_a_token_that_is_missing_or_none_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LEDGER_TOKEN", raising=False)
    with pytest.raises(UsageError, match="not set in the environment: LEDGER_TOKEN"):
        sink_ledgers(["http://127.0.0.1:1"], "LEDGER_TOKEN")
    monkeypatch.setenv("LEDGER_TOKEN", "two\r\nlines")
    with pytest.raises(UsageError, match="no token") as caught:
        sink_ledgers(["http://127.0.0.1:1"], "LEDGER_TOKEN")
    assert "two" not in f"{caught.value} {caught.value.hint}"


def test_a_token_is_not_shown_and_does_not_follow_to_another_host() -> None:
    assert TOKEN not in repr(SinkLedgers(("http://127.0.0.1:1",), TOKEN))
    body = json.dumps(Intake().to_dict()).encode()
    with http_server(200, body) as (elsewhere, followed):
        with http_server(302, b"", {"Location": f"{elsewhere}/ledger"}) as (url, asked):
            with pytest.raises(TargetError, match="answers 302"):
                SinkLedgers((url,), TOKEN).fetch(RUN)
            assert asked == [f"/ledger?run={RUN} Bearer {TOKEN}"]
        assert followed == []
        assert SinkLedgers((f"{elsewhere}",), TOKEN).fetch(RUN).deliveries == 0


def test_a_proxy_is_not_asked(monkeypatch: pytest.MonkeyPatch, admin_sink: RunningSink) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert sink_ledgers([url_of(admin_sink)], None).fetch(RUN).deliveries == 0


def test_a_sink_that_is_not_there_is_named_before_anything_is_sent(admin_sink: RunningSink) -> None:
    url = url_of(admin_sink)
    admin_sink.stop()
    with pytest.raises(TargetError, match=r"can't be asked.*refused.*nothing was sent") as caught:
        sink_ledgers([url], None)
    assert caught.value.exit_code is ExitCode.TARGET


@pytest.mark.parametrize(
    ("status", "body", "complaint"),
    [
        (404, b"", "answers 404"),
        (200, b"<html>", "no ledger"),
        (200, b"[]", "no ledger"),
        (200, b'{"schema_version": 1}', "schema version 1"),
        (200, b'{"schema_version": 2}', "no ledger"),
        (200, b"\xff\xfe\xfd", "no ledger"),
    ],
)
def test_what_is_no_sink_is_refused(status: int, body: bytes, complaint: str) -> None:
    with http_server(status, body) as (url, _), pytest.raises(TargetError, match=complaint):
        SinkLedgers((url,)).fetch(RUN)


def test_smtp_is_no_admin_interface(sink: RunningSink) -> None:
    with pytest.raises(TargetError, match="can't be asked"):
        SinkLedgers((f"http://{sink.host}:{sink.port}",)).fetch(RUN)


def test_an_answer_without_end_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loadkit.cli._sink_ledgers.MAX_BYTES", 100)
    with http_server(200, b" " * 200) as (url, _), pytest.raises(TargetError, match="larger than 100 bytes"):
        SinkLedgers((url,)).fetch(RUN)
