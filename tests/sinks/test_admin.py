"""The admin interface over real HTTP."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.mail import RUN, RawClient, message
from support.sink import RunningSink, running_sink
from support.waiting import wait_until

from loadkit.measure.ledger import DeliveryLedger
from sinks.behaviour.profile import profile_names

TOKEN_ENV = {"ADMIN_TOKEN": "s3cret-t0ken"}


@pytest.fixture(params=[1, 2], ids=["one process", "two processes"])
def sink(request: pytest.FixtureRequest) -> Iterator[RunningSink]:
    with running_sink(admin="0", processes=request.param) as running:
        yield running


def call(
    sink: RunningSink, path: str, *, method: str = "GET", body: bytes | None = None, **headers: str
) -> tuple[int, str]:
    assert sink.admin is not None
    request = urllib.request.Request(sink.admin + path, data=body, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def get_json(sink: RunningSink, path: str) -> Any:
    status, text = call(sink, path)
    assert status == 200, text
    return json.loads(text)


def deliver(sink: RunningSink, *seqs: int, run: str = RUN) -> None:
    for seq in seqs:
        with RawClient(sink.host, sink.port) as client:
            client.begin()
            stamp = b"X-Loadkit-Sent: 1700000000000000 1700000000000000 note\r\n"
            client.send(stamp + message(seq, run=run) + b".\r\n")
            assert client.code() == 250
    wait_until(lambda: get_json(sink, "/counters")["connections_open"] == 0, "all have gone")


def test_health_names_the_processes_that_serve(sink: RunningSink) -> None:
    assert get_json(sink, "/health") == {"status": "ok", "pids": list(sink.pids)}


def test_ledger_of_one_run_or_of_all(sink: RunningSink) -> None:
    deliver(sink, 0, 1, 1, 2, 3, 4)
    deliver(sink, 7, run="otherrun")
    assert get_json(sink, "/ledger")["runs"].keys() == {RUN, "otherrun"}
    (found,) = get_json(sink, f"/ledger?run={RUN}")["runs"].values()
    ledger = DeliveryLedger.from_dict(found)
    assert (ledger.deliveries, ledger.duplicates, list(ledger.senders[0].ranges())) == (6, 1, [(0, 4)])
    assert get_json(sink, "/ledger?run=nosuchrun")["runs"] == {}


def test_counters_are_sums_over_all_runs(sink: RunningSink) -> None:
    deliver(sink, 0, 0, 1)
    deliver(sink, 0, run="otherrun")
    size_bytes = get_json(sink, "/counters").pop("size_bytes")
    assert size_bytes > 4 * len(message(0))
    assert get_json(sink, "/counters") == {
        "deliveries": 4,
        "duplicates": 1,
        "unknown": 0,
        "corrupted": 0,
        "recipients": 4,
        "size_bytes": size_bytes,
        "runs": 2,
        "connections_open": 0,
        "connections_total": 4,
        "answers": {},
    }


def test_behaviour_changes_while_it_runs(sink: RunningSink) -> None:
    deliver(sink, 0)
    profile = b'{profile: full, faults: [{phase: rcpt, do: {reply: "452 4.2.2 Over quota"}}]}'
    assert call(sink, "/profile", method="PUT", body=profile) == (200, '{"profile": "full"}')
    for _ in range(4):
        with RawClient(sink.host, sink.port) as client:
            assert client.ask(b"MAIL FROM:<a@example.com>") == 250
            assert client.ask(b"RCPT TO:<b@example.com>") == 452
    assert get_json(sink, "/counters")["answers"] == {"rcpt 452": 4}
    assert "452 4.2.2 Over quota" in call(sink, "/profile")[1]
    assert call(sink, "/profile", method="DELETE") == (200, '{"profile": null}')
    deliver(sink, 1)
    assert get_json(sink, "/counters")["answers"] == {"rcpt 452": 4}


@pytest.fixture(scope="module")
def changing() -> Iterator[dict[int, RunningSink]]:
    """Sinks of one and of two processes whose profile changes and to which nothing is sent."""
    with running_sink(admin="0", processes=1) as one, running_sink(admin="0", processes=2) as two:
        yield {1: one, 2: two}


@pytest.mark.parametrize("name", profile_names())
def test_every_shipped_profile_can_be_set(name: str, changing: dict[int, RunningSink]) -> None:
    sink = changing[1 if name in ("station", "usl") else 2]
    assert call(sink, "/profile", method="DELETE") == (200, '{"profile": null}')
    assert f"profile: {name}" not in call(sink, "/profile")[1]
    assert call(sink, "/profile", method="PUT", body=name.encode()) == (200, json.dumps({"profile": name}))
    assert f"profile: {name}" in call(sink, "/profile")[1]


def test_what_one_process_must_do_is_refused_to_two() -> None:
    with running_sink(admin="0", processes=2) as sink:
        status, text = call(sink, "/profile", method="PUT", body=b"station")
        assert status == 400
        assert "several processes can't behave like station" in text


def test_wrong_profile_is_told_with_every_problem_and_changes_nothing(sink: RunningSink) -> None:
    wrong = b'profile: x\nfaults: [{phase: rcpt, do: {reply: "999"}, whn: 3}]\nsevice: {}\n'
    status, text = call(sink, "/profile", method="PUT", body=wrong)
    assert status == 400
    problems = json.loads(text)["problems"]
    assert len(problems) == 3
    assert "<request>:3: sevice: is not a known key (did you mean service?)" in problems
    deliver(sink, 0)


def test_metrics_are_what_prometheus_reads(sink: RunningSink) -> None:
    deliver(sink, 0, 0, 1)
    families = {one.name: one for one in text_string_to_metric_families(call(sink, "/metrics")[1])}
    values = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families.values()
        for sample in family.samples
    }
    assert values["smtp_sink_deliveries_total", (("run", RUN),)] == 3
    assert values["smtp_sink_duplicates_total", (("run", RUN),)] == 1
    assert values["smtp_sink_connections_accepted_total", ()] == 3
    labels = (("kind", "note"), ("run", RUN))
    assert values["smtp_sink_end_to_end_sent_seconds_count", labels] == 3
    assert values["smtp_sink_end_to_end_sent_seconds_bucket", (labels[0], ("le", "+Inf"), labels[1])] == 3
    assert families["smtp_sink_end_to_end_sent_seconds"].type == "histogram"


def test_token_is_asked_for_where_there_is_one() -> None:
    with running_sink(admin="0", admin_token_env="ADMIN_TOKEN", variables=TOKEN_ENV) as sink:
        assert call(sink, "/ledger")[0] == 401
        assert call(sink, "/profile", method="PUT", body=b"flaky", Authorization="Bearer wrong")[0] == 401
        assert call(sink, "/health", Authorization="Bearer s3cret-t0ken")[0] == 200


def test_name_that_is_made_to_stand_for_loopback_is_refused(sink: RunningSink) -> None:
    assert call(sink, "/profile", method="DELETE", Host="rebound.example.com")[0] == 403
    assert call(sink, "/health", Host="localhost")[0] == 200


def test_body_is_bounded(sink: RunningSink) -> None:
    status, _ = call(sink, "/profile", method="PUT", body=b"#" * 2_000_000)
    assert status == 413
    deliver(sink, 0)
