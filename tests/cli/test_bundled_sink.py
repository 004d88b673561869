"""The bundled sink as a child process: it takes mail, leaves its ledger, and never outlives its parent."""

from __future__ import annotations

import smtplib
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from support import forked

from loadkit.cli._bundled_sink import SinkError, bundled_sink
from sinks.options import SinkOptions, Tls

ROOT = Path(__file__).parents[2]


def send(host: str, port: int, *, starttls: bool = False) -> None:
    with smtplib.SMTP(host, port, timeout=10) as client:
        if starttls:
            client.starttls()
        client.sendmail("a@example.com", ["b@example.com"], b"X-Loadkit-Id: abcdefgh.1.7\r\n\r\nHello\r\n")


def children() -> list[psutil.Process]:
    """What this process started, but for what other tests start processes by."""
    return [child for child in psutil.Process().children() if child.pid not in forked.server_pids()]


@pytest.mark.parametrize(
    "settings", [SinkOptions(), SinkOptions(tls=Tls.STARTTLS), SinkOptions(processes=2)], ids=["plain", "tls", "two"]
)
def test_what_it_took_is_in_its_ledger(settings: SinkOptions) -> None:
    with bundled_sink(settings) as sink:
        assert sink.host == "127.0.0.1"
        send(sink.host, sink.port, starttls=settings.tls == "starttls")
        assert sink.fetch("abcdefgh").deliveries == 1
        send(sink.host, sink.port, starttls=settings.tls == "starttls")
        assert sink.fetch("abcdefgh").deliveries == 2
        assert sink.fetch("of-another-run").deliveries == 0
    assert children() == []


def test_it_is_gone_when_the_block_is_left_by_an_error() -> None:
    with pytest.raises(RuntimeError, match="the run failed"), bundled_sink(SinkOptions()):
        raise RuntimeError("the run failed")
    assert children() == []


def test_one_that_died_has_no_ledger() -> None:
    with bundled_sink(SinkOptions()) as sink:
        (child,) = children()
        child.kill()
        child.wait(10)
        with pytest.raises(SinkError, match="left no ledger"):
            sink.fetch("abcdefgh")


def test_a_start_that_fails_says_why() -> None:
    with pytest.raises(SinkError, match="did not start") as raised, bundled_sink(SinkOptions(auth="NOT_SET:NEITHER")):
        pass
    assert "NOT_SET" in raised.value.hint


def test_a_folder_named_sinks_where_the_user_is_does_not_win(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sinks").mkdir()
    (tmp_path / "sinks" / "__init__.py").write_text("")
    monkeypatch.chdir(tmp_path)
    with bundled_sink(SinkOptions()) as sink:
        send(sink.host, sink.port)


def test_it_ends_when_its_parent_is_killed() -> None:
    program = (
        "import os, signal, psutil\n"
        "from loadkit.cli._bundled_sink import bundled_sink\n"
        "from sinks.options import SinkOptions\n"
        "with bundled_sink(SinkOptions()):\n"
        "    print(psutil.Process().children()[0].pid, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    deadline = time.monotonic() + 10
    while is_running(int(done.stdout)):
        assert time.monotonic() < deadline, "the sink outlived its parent"
        time.sleep(0.02)


def is_running(process_id: int) -> bool:
    try:
        return bool(psutil.Process(process_id).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
