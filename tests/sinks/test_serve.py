from __future__ import annotations

import json
import os
import signal
import smtplib
import socket
import subprocess
from typing import TYPE_CHECKING

import psutil
import pytest
from support import forked
from support.mail import RUN, RawClient, message
from support.sink import RunningSink, running_sink
from support.waiting import wait_until

from sinks.ledger_file import part_file, read_ledger
from sinks.options import SinkOptions, command_line, environment
from sinks.single import FLUSH_S

if TYPE_CHECKING:
    from pathlib import Path


def start(options: SinkOptions) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    process: subprocess.Popen[str] = forked.start(
        command_line(options), env=environment(), stdout=pipe, stderr=pipe, text=True
    )
    return process


def deliver(sink: RunningSink, *seqs: int) -> None:
    """Send each message over a connection of its own, so that several processes get some."""
    for seq in seqs:
        with smtplib.SMTP(sink.host, sink.port) as sender:
            sender.sendmail("a@example.com", ["b@example.com"], message(seq))


def test_tells_in_words_without_json() -> None:
    process = start(SinkOptions(port=0))
    assert process.stdout is not None
    line = process.stdout.readline()
    port = int(line.split(" port ")[1].split(",")[0])
    assert line == f"sink: listening on 127.0.0.1 port {port}, process {process.pid}\n"
    with socket.create_connection(("127.0.0.1", port)):
        process.terminate()
        assert process.communicate(timeout=10) == ("sink: stopped after 0 deliveries\n", "")
    assert process.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_in_order(sink: RunningSink, number: signal.Signals) -> None:
    deliver(sink, 0, 1)
    sink.process.send_signal(number)
    assert sink.until("ledger") == {"event": "ledger", "file": str(sink.ledger_file), "deliveries": 2}
    assert sink.until("stopped") == {"event": "stopped", "deliveries": 2}
    assert sink.process.wait(10) == 0
    assert read_ledger(sink.ledger_file).runs[RUN].distinct == 2


def test_ledger_exists_from_the_start_and_can_be_written_meanwhile(sink: RunningSink) -> None:
    assert read_ledger(sink.ledger_file).deliveries == 0
    for seq in range(3):
        deliver(sink, seq)
        assert sink.collect().runs[RUN].distinct == seq + 1


def test_ends_with_whoever_started_it(sink: RunningSink) -> None:
    assert sink.process.stdin is not None
    sink.process.stdin.write("noise is ignored\n")
    sink.process.stdin.flush()
    deliver(sink, 0)
    sink.process.stdin.close()
    assert sink.process.wait(10) == 0
    assert read_ledger(sink.ledger_file).runs[RUN].distinct == 1


def test_ledger_survives_a_reader_who_left(tmp_path: Path) -> None:
    file = tmp_path / "ledger.json"
    process = start(SinkOptions(port=0, json=True, ledger=file))
    assert process.stdout is not None
    port = json.loads(process.stdout.readline())["port"]
    process.stdout.close()
    with smtplib.SMTP("127.0.0.1", port) as sender:
        sender.sendmail("a@example.com", ["b@example.com"], message(0))
    process.terminate()
    assert process.wait(10) == 0
    assert read_ledger(file).runs[RUN].distinct == 1


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
def test_listens_on_ipv6() -> None:
    with running_sink(host="::1") as sink:
        assert sink.host == "::1"
        deliver(sink, 0)
        assert sink.collect().deliveries == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (SinkOptions(host="192.0.2.1", port=0), "can't listen on 192.0.2.1 port 0"),
        (SinkOptions(host="no-such-host.invalid", port=0), "can't listen on no-such-host.invalid port 0"),
        (SinkOptions(port=0, auth="NOT_SET:NEITHER"), "the environment variable NOT_SET is not set"),
        (SinkOptions(port=0, processes=2, auth="NOT_SET:NEITHER"), "the environment variable NOT_SET is not set"),
        (SinkOptions(port=0, profile="greylst"), "there is no profile 'greylst' (did you mean greylist?)"),
        (SinkOptions(port=0, profile="station", processes=2), "several processes can't behave like station"),
        (SinkOptions(port=0, admin="0.0.0.0:0"), "the admin interface on 0.0.0.0 would be open to everybody"),
        (SinkOptions(port=0, admin="here"), "'here' is no place to listen"),
        (SinkOptions(port=0, admin="0", admin_token_env="NOT_SET"), "the environment variable NOT_SET is not set"),
    ],
)
def test_what_can_not_start_says_why(options: SinkOptions, message: str) -> None:
    process = start(options)
    output, errors = process.communicate(timeout=15)
    assert process.returncode == 2
    assert output == ""
    assert errors.startswith(f"sinks: {message}")
    assert errors.count("\n") == 1


def test_port_in_use_says_so(sink: RunningSink) -> None:
    process = start(SinkOptions(port=sink.port))
    _, errors = process.communicate(timeout=15)
    assert process.returncode == 2
    assert errors == (
        f"sinks: can't listen on 127.0.0.1 port {sink.port}: Address already in use (port 0 takes a free one)\n"
    )


def test_ledger_that_can_not_be_written_stops_the_start(tmp_path: Path) -> None:
    process = start(SinkOptions(port=0, ledger=tmp_path / "missing" / "ledger.json"))
    _, errors = process.communicate(timeout=15)
    assert process.returncode == 2
    assert "can't be written: No such file or directory" in errors


def test_several_processes_share_the_port_and_keep_one_ledger() -> None:
    with running_sink(processes=2) as sink:
        assert len(set(sink.pids)) == 2
        assert sink.pid not in sink.pids
        deliver(sink, *range(20))
        assert sink.collect().runs[RUN].distinct == 20
        deliver(sink, *range(15, 30))
        ledger = sink.stop().runs[RUN]
    assert (ledger.deliveries, ledger.distinct, ledger.duplicates) == (35, 30, 5)
    assert list(ledger.senders[0].ranges()) == [(0, 29)]
    assert not any(map(_alive, sink.pids))


def test_several_processes_freeze_and_go_on() -> None:
    with running_sink(processes=2) as sink:
        sink.pause()
        clients = [RawClient(sink.host, sink.port, greet=False) for _ in range(8)]
        clients[0].socket.settimeout(0.2)
        with pytest.raises(TimeoutError):
            clients[0].socket.recv(1)
        sink.resume()
        assert [client.socket.recv(3) for client in clients] == [b"220"] * 8
        for client in clients:
            client.close()


@pytest.mark.parametrize("processes", [1, 2])
def test_stopped_sink_goes_on_counting_when_it_resumes(processes: int, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.json"
    for round_number in range(3):
        with running_sink(ledger=ledger, processes=processes, resume=True) as sink:
            assert sink.collect().deliveries == 20 * round_number
            deliver(sink, *range(15 * round_number, 15 * round_number + 20))
    found = read_ledger(ledger).runs[RUN]
    assert (found.deliveries, found.duplicates, list(found.senders[0].ranges())) == (60, 10, [(0, 49)])
    assert [path.name for path in tmp_path.iterdir()] == ["ledger.json"]


def test_without_resume_it_begins_anew(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.json"
    for _ in range(2):
        with running_sink(ledger=ledger, processes=2) as sink:
            deliver(sink, 0)
            sink.process.kill()
            sink.process.wait(10)
            wait_until(lambda: not any(map(_alive, sink.pids)), "the processes end")
    with running_sink(ledger=ledger) as sink:
        assert sink.collect().deliveries == 0
    assert [path.name for path in tmp_path.iterdir()] == ["ledger.json"]


def test_killed_process_loses_at_most_what_it_acknowledged_since_the_last_flush(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.json"
    with running_sink(ledger=ledger, processes=2) as sink:
        deliver(sink, *range(40))
        # A flush comes by itself; nothing asks for it here.
        wait_until(lambda: flushed(ledger, processes=2) == 40, "all is on disk", timeout_s=FLUSH_S + 2)
        deliver(sink, *range(40, 50))
        os.kill(sink.pids[0], signal.SIGKILL)
        assert sink.process.wait(10) == 1
    kept = read_ledger(ledger).runs[RUN]
    assert 40 <= kept.deliveries <= 50
    assert all(seq in kept.senders[0] for seq in range(40))
    with running_sink(ledger=ledger, processes=2, resume=True) as sink:
        deliver(sink, *range(50, 60))
        found = sink.stop().runs[RUN]
    assert found.deliveries == kept.deliveries + 10
    assert found.duplicates == 0


def test_everything_killed_at_once_resumes_from_the_processes_files(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.json"
    with running_sink(ledger=ledger, processes=2) as sink:
        deliver(sink, *range(40))
        wait_until(lambda: flushed(ledger, processes=2) == 40, "all is on disk", timeout_s=FLUSH_S + 2)
        for pid in (sink.pid, *sink.pids):
            os.kill(pid, signal.SIGKILL)
        sink.process.wait(10)
    # Fewer processes go on just as well.
    with running_sink(ledger=ledger, resume=True) as sink:
        deliver(sink, 39, 40)
        found = sink.stop().runs[RUN]
    assert (found.deliveries, found.duplicates, list(found.senders[0].ranges())) == (42, 1, [(0, 40)])


def flushed(ledger: Path, processes: int) -> int:
    """What the files of the processes hold."""
    return sum(read_ledger(part_file(ledger, index)).deliveries for index in range(processes))


def test_process_that_dies_ends_the_whole_sink() -> None:
    with running_sink(processes=2) as sink:
        deliver(sink, 0)
        sink.collect()
        os.kill(sink.pids[0], signal.SIGKILL)
        assert sink.until("stopped")["deliveries"] == 1
        assert sink.process.wait(10) == 1
    wait_until(lambda: not _alive(sink.pids[1]), "the other process ends")


def test_processes_do_not_outlive_a_parent_that_is_killed() -> None:
    with running_sink(processes=2) as sink:
        sink.process.kill()
        sink.process.wait(10)
        wait_until(lambda: not any(map(_alive, sink.pids)), "the processes end")


def _alive(pid: int) -> bool:
    """Whether the process runs; one that ended and waits for its parent doesn't."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
