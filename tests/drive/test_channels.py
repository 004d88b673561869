"""Runs over channels beside mail: against the bundled sink, a real broker, and servers that mean no good."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.programs import find_program
from support.runs import FinishedRun, run_scenario
from support.sockets import refusing_port
from support.waiting import wait_until

Handler = Callable[[socket.socket], None]

MIXED = """
scenario: plant
sessions: {max: 5}
channels:
  api: {http: {timeout: 5s}}
  devices: {mqtt: {topic: plant/1, timeout: 5s}}
load: {stages: [{name: hold, rate: 120/s, duration: 2s}]}
messages:
  mail: {size: 1KiB}
  alert: {channel: api, size: 400B}
  reading: {channel: devices, size: 200B}
thresholds:
  "transaction_failed{kind:alert}": ["count == 0"]
"""


def channel(run: FinishedRun, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in run.summary["channels"] if one["channel"] == name)
    return found


def counts(run: FinishedRun, name: str) -> dict[str, Any]:
    """Of the channel's only kind."""
    (kind,) = channel(run, name)["kinds"].values()
    found: dict[str, Any] = kind
    return found


@pytest.mark.slow
def test_every_message_of_every_channel_arrives_over_workers_too(tmp_path: Path) -> None:
    run = run_scenario(tmp_path, MIXED, "--workers", "2")
    assert run.summary["ledger"]["lost"] == 0, run.stderr
    assert [one["channel"] for one in run.summary["channels"]] == ["smtp", "api", "devices"]
    offered = 0
    for name in ("api", "devices"):
        one = counts(run, name)
        assert one["offered"] == one["completed"] == one["accepted"] == one["delivered"] > 0
        offered += one["offered"]
    mail = counts(run, "smtp")
    assert mail["accepted"] == run.summary["ledger"]["accepted"] == run.summary["ledger"]["delivered"] > 0
    assert run.summary["flows"]["offered"]["count"] == offered + mail["offered"]
    assert run.summary["kinds"]["alert"]["response_time"]["n"] == counts(run, "api")["completed"]
    assert run.outcomes["accepted", "request", 202, ""] == counts(run, "api")["accepted"]
    assert run.summary["thresholds"][0]["passed"] is True


def serve(stack: contextlib.ExitStack, handler: Handler) -> int:
    """A server that does with each connection what the handler says; its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    stack.callback(listener.close)

    def meet(client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            handler(client)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=meet, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    port: int = listener.getsockname()[1]
    return port


CONNACK = b"\x20\x02\x00\x00"


def silent(client: socket.socket) -> None:
    while client.recv(65_536):
        pass


def answers(text: bytes) -> Handler:
    def answer(client: socket.socket) -> None:
        while client.recv(65_536):
            client.sendall(text)

    return answer


def endless(head: bytes, more: bytes, *, greeting: bytes = b"") -> Handler:
    def go_on(client: socket.socket) -> None:
        client.recv(65_536)
        if greeting:
            client.sendall(greeting)
            client.recv(65_536)
        client.sendall(head)
        while True:
            client.sendall(more)

    return go_on


def drip(client: socket.socket) -> None:
    client.recv(65_536)
    client.sendall(b"HTTP/1.1 200 x\r\nA: ")
    while True:
        client.sendall(b"x")
        time.sleep(0.1)


def hang_up(client: socket.socket) -> None:
    client.recv(65_536)


def forgetful(client: socket.socket) -> None:
    client.recv(65_536)
    client.sendall(CONNACK)
    silent(client)


def status(code: int) -> Handler:
    return answers(b"HTTP/1.1 %d x\r\nContent-Length: 2\r\n\r\nok" % code)


HTTP: dict[str, tuple[Handler, tuple[str, int, str]]] = {
    "silent": (silent, ("timeout", 0, "")),
    "drip": (drip, ("timeout", 0, "")),
    "busy": (status(503), ("transient", 503, "")),
    "limited": (status(429), ("transient", 429, "")),
    "unknown": (status(404), ("permanent", 404, "")),
    "moved": (
        answers(b"HTTP/1.1 302 x\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\n\r\n"),
        ("permanent", 302, ""),
    ),
    "other": (answers(b"220 mail.example.com\r\n\r\n"), ("protocol", 0, "not_http")),
    "body": (endless(b"HTTP/1.1 200 x\r\n\r\n", b"x" * 65_536), ("protocol", 0, "answer_too_long")),
    "header": (endless(b"HTTP/1.1 200 x\r\nA: ", b"x" * 65_536), ("protocol", 0, "answer_too_long")),
    "gone": (hang_up, ("connection", 0, "closed")),
}
MQTT: dict[str, tuple[Handler, tuple[str, int, str]]] = {
    "silent": (silent, ("timeout", 0, "")),
    "forgetful": (forgetful, ("timeout", 0, "")),
    "strict": (answers(b"\x20\x02\x00\x05"), ("permanent", 5, "connection_refused")),
    "chatty": (endless(b"", b"\x30\x05\x00\x01txx" * 9000, greeting=CONNACK), ("protocol", 0, "answer_too_long")),
}


@pytest.mark.slow
def test_no_server_holds_a_run_up_and_each_failure_has_its_class(tmp_path: Path) -> None:
    kinds, channels = ["mail: {}"], []
    with contextlib.ExitStack() as stack:
        for name, (handler, _) in HTTP.items():
            url = f"http://127.0.0.1:{serve(stack, handler)}/x"
            channels.append(f"http-{name}: {{http: {{url: '{url}', timeout: 500ms, connections: 2}}}}")
            kinds.append(f"http-{name}: {{channel: http-{name}}}")
        for name, (handler, _) in MQTT.items():
            url = f"mqtt://127.0.0.1:{serve(stack, handler)}"
            channels.append(f"mqtt-{name}: {{mqtt: {{url: '{url}', topic: t, timeout: 500ms, connections: 2}}}}")
            kinds.append(f"mqtt-{name}: {{channel: mqtt-{name}}}")
        for protocol in ("http", "mqtt"):
            topic = ", topic: t" if protocol == "mqtt" else ""
            url = f"{protocol}://127.0.0.1:{stack.enter_context(refusing_port())}"
            channels.append(f"{protocol}-nobody: {{{protocol}: {{url: '{url}'{topic}, timeout: 500ms}}}}")
            kinds.append(f"{protocol}-nobody: {{channel: {protocol}-nobody}}")
        text = (
            "scenario: hostile\nload: {arrivals: even, grace: 2s, stages: [{name: hold, rate: 60/s, duration: 2s}]}\n"
            f"channels:\n  {chr(10).join(channels).replace(chr(10), chr(10) + '  ')}\n"
            f"messages:\n  {chr(10).join(kinds).replace(chr(10), chr(10) + '  ')}\n"
        )
        begun = time.monotonic()
        run = run_scenario(tmp_path, text)
        took_s = time.monotonic() - begun
    expected = {
        **{f"http-{name}": end for name, (_, end) in HTTP.items()},
        **{f"mqtt-{name}": end for name, (_, end) in MQTT.items()},
        "http-nobody": ("connection", 0, "refused"),
        "mqtt-nobody": ("connection", 0, "refused"),
    }
    for name, end in expected.items():
        one = counts(run, name)
        ends = {(each["kind"], each["code"], each["reason"]): each["count"] for each in channel(run, name)["failures"]}
        # A slow machine may need longer than the time that an answer has.
        assert end in ends, (name, ends)
        assert ends.keys() <= {end, ("timeout", 0, "")}, (name, ends)
        assert one["completed"] == one["offered"] == sum(ends.values()) > 0
    assert counts(run, "smtp")["accepted"] == counts(run, "smtp")["offered"]
    assert took_s < 25, took_s


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[int]:
    """Debian's mosquitto on a free port."""
    with refusing_port() as port:
        pass  # free now; a broker that can't have it ends, and then the test says so
    settings = tmp_path / "mosquitto.conf"
    settings.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n")
    with subprocess.Popen(
        [find_program("mosquitto"), "-c", str(settings)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            wait_until(lambda: is_open(port), "mosquitto listens")
            yield port
        finally:
            process.terminate()
            process.wait(10)


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.slow
@pytest.mark.real
def test_a_real_broker_takes_every_message(broker: int, tmp_path: Path) -> None:
    url = f"url: 'mqtt://127.0.0.1:{broker}'"
    text = MIXED.replace("api: {http: {timeout: 5s}}", f"api: {{mqtt: {{{url}, topic: plant/2, qos: 0}}}}")
    run = run_scenario(tmp_path, text.replace("topic: plant/1", f"topic: plant/1, qos: 1, {url}"))
    for name in ("api", "devices"):
        one = counts(run, name)
        assert one["offered"] == one["accepted"] > 0, run.stderr
        assert one["delivered"] is None  # nobody asked the broker
    assert run.summary["ledger"]["lost"] == 0
