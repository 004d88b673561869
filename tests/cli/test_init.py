"""`loadkit init`: a scenario to begin with, and one from logs that holds nothing that names anybody."""

from __future__ import annotations

import gzip
import io
import json
import math
from pathlib import Path

import pytest
from support.maillogs import FIXTURES, START_S, Connection, postfix_log

from loadkit.cli import init as init_module
from loadkit.cli._log_progress import LogProgress
from loadkit.cli.app import main
from loadkit.errors import ExitCode
from loadkit.scenario.distributions import Table
from loadkit.scenario.load import load_scenario

CANARY = "zzcanary"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def files() -> list[str]:
    return sorted(path.name for path in Path().iterdir())


def test_the_starter_is_valid_and_the_next_commands_name_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init"]) == 0
    shown = capsys.readouterr()
    assert shown.out.splitlines()[:3] == ["Wrote my_scenario.yaml.", "Next:", "  loadkit check my_scenario.yaml"]
    assert shown.err == ""
    scenario = load_scenario("my_scenario.yaml")
    assert (scenario.name, list(scenario.messages)) == ("my_scenario", ["letter", "newsletter"])
    assert scenario.target.url is None
    lines = Path("my_scenario.yaml").read_text().splitlines()
    assert sum("#" in line for line in lines) > len(lines) / 3


def test_everything_that_the_starter_has_in_comments_is_valid_too() -> None:
    assert main(["init", "whole.yaml"]) == 0
    text = Path("whole.yaml").read_text()
    for key in ("url", "allow", "auth", "retry"):
        assert f"  # {key}: " in text
        text = text.replace(f"  # {key}: ", f"  {key}: ")
    Path("whole.yaml").write_text(text)
    scenario = load_scenario("whole.yaml")
    assert (scenario.sessions.retry.attempts, scenario.target.auth is not None) == (3, True)


def test_a_file_that_exists_is_kept_without_force(capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.yaml").write_text("mine")
    assert main(["init", "mine"]) == ExitCode.USAGE
    assert "mine.yaml exists" in capsys.readouterr().err
    assert Path("mine.yaml").read_text() == "mine"
    Path("other.counts.csv").write_text("mine")
    assert main(["init", "other", "--from-log", str(FIXTURES / "exim.log")]) == ExitCode.USAGE
    assert files() == ["mine.yaml", "other.counts.csv"]
    assert main(["init", "mine", "--force"]) == 0
    assert load_scenario("mine.yaml").name == "mine"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["Upper"], "'Upper' is no name for a scenario"),
        (["nowhere/x"], "there is no folder nowhere"),
        (["--window", "peak", "5m"], "--window needs --from-log"),
        (["--window", "quiet", "5m", "--from-log", "x"], "--window can't be 'quiet'"),
        (["--window", "peak", "5", "--from-log", "x"], "write a number with a unit"),
        (["--from-log", "missing.log"], "can't read missing.log"),
        (["--from-log", str(FIXTURES / "exim.log"), "morning"], "can't read morning"),
    ],
)
def test_wrong_usage(arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", *arguments]) == ExitCode.USAGE
    shown = capsys.readouterr()
    assert complaint in shown.err
    assert (shown.out, files()) == ("", [])


def test_a_name_or_a_folder_with_it(capsys: pytest.CaptureFixture[str]) -> None:
    Path("load").mkdir()
    assert main(["init", "load/morning", "--json"]) == 0
    written = json.loads(capsys.readouterr().out)
    assert written["scenario"] == "load/morning.yaml"
    assert load_scenario("load/morning.yaml").name == "morning"


def daytime_log() -> str:
    """80 minutes: 3 messages a second, 9 in minutes 30 to 39; every fourth connection carries 5 messages."""
    connections = []
    for second in range(80 * 60):
        for number in range(9 if 1800 <= second < 2400 else 3):
            sizes = (3000, 3000, 3000, 3000, 9000) if number % 4 == 3 else (3000,)
            connections.append(Connection(second, sizes, recipients=2, tls=number % 4 != 0))
    return postfix_log(connections)


def test_a_scenario_from_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    Path("mail.log").write_text(daytime_log())
    assert main(["init", "day", "--from-log", "mail.log", "--json"]) == 0
    shown = capsys.readouterr()
    result = json.loads(shown.out)
    assert shown.err == ""
    per_busy_second = 7 + 2 * 5
    messages = 70 * 60 * 3 + 600 * per_busy_second
    found = result["found"]
    assert (found["messages"], found["formats"], found["peak_second"]) == (messages, ["Postfix"], per_busy_second)
    assert [(window["start"], window["messages"]) for window in found["busiest"]] == [
        ("2026-11-05 00:30", 60 * per_busy_second),
        ("2026-11-05 00:30", 600 * per_busy_second),
        ("2026-11-05 00:00", 50 * 60 * 3 + 600 * per_busy_second),
    ]
    assert found["dispersion"]["index"] == 0  # as regular as can be
    scenario = load_scenario("day.yaml")
    counts = Path("day.counts.csv").read_text().splitlines()
    assert counts == ["messages", *["180"] * 30, *[str(60 * per_busy_second)] * 10, *["180"] * 40]
    assert scenario.load.stages[0].duration_s == 4800
    assert scenario.target.tls == "starttls"
    kind = scenario.messages["mail"]
    assert isinstance(kind.size, Table)
    assert kind.size.values == (3000, 9000)
    assert kind.size.mean == pytest.approx(found["size_bytes"]["mean"], rel=1e-4)
    assert kind.recipients.mean == 2
    sessions = scenario.sessions.messages_per_session
    assert sessions is not None
    assert sessions.mean == pytest.approx(messages / (70 * 60 * 3 + 600 * 9), rel=1e-4)


def test_the_peak_of_a_log_in_many_files_after_the_option(capsys: pytest.CaptureFixture[str]) -> None:
    lines = daytime_log().splitlines(keepends=True)
    half = len(lines) // 2
    Path("mail.log.1.gz").write_bytes(gzip.compress("".join(lines[:half]).encode(), 1))
    Path("mail.log").write_text("".join(lines[half:]))
    assert main(["init", "peak", "--from-log", "mail.log", "mail.log.1.gz", "--window", "peak", "10m", "-q"]) == 0
    out = capsys.readouterr().out
    assert "Replayed: 2026-11-05 00:30 to 2026-11-05 00:40 by the log's clock, 10,200 messages, 17/s." in out
    assert "Busiest hour: 2026-11-05 00:00" in out
    assert load_scenario("peak.yaml").load.stages[0].duration_s == 600
    assert "2 files" in Path("peak.yaml").read_text()


def canary_logs() -> dict[str, str]:
    """Logs of every format whose every name, address, subject and host is a canary, some lines broken."""
    host = f"{CANARY}.example"
    ip = "203.0.113.77"
    stamp, iso = "Nov 24 16:00:0", "2026-11-24 16:00:0"
    postfix = [
        f"{stamp}1 {host} postfix/smtpd[1]: AA{CANARY}: client={host}[{ip}]",
        f"{stamp}1 {host} postfix/qmgr[1]: AA1: from=<{CANARY}@{host}>, size=100, nrcpt=1 (queue active)",
        f"{stamp}1 {host} postfix/smtp[1]: AA1: to=<{CANARY}@{host}>, relay={host}[{ip}], status=deferred ({CANARY})",
        f"{stamp}5 {host} postfix/qmgr[1]: AA1: from=<{CANARY}@{host}>, size=100, nrcpt=1 (queue active)",
        f"{stamp}1 {host} postfix/smtpd[1]: disconnect from {host}[{ip}] ehlo=1 mail=1 rcpt=1 data=1 quit=1 commands=5",
        f"{stamp}1 {host} postfix/qmgr[1]: AA2: from=<{CANARY}@{host}>, siz",
        f"{CANARY}@{host} {ip}",
        f"{stamp}9 {CANARY * 10_000}",
    ]
    exim = [
        f'{iso}1 1xVtAm-0004nU-06 <= {CANARY}@{host} H={host} [{ip}]:1234 P=esmtps S=900 id={CANARY} T="{CANARY}"',
        f"{iso}1 1xVtAm-0004nU-06 => {CANARY}@{host} R=relay T=sink H={host} [{ip}]",
        f"{iso}1 1xVtAm-0004nU-06 Completed",
        f"{iso}1 1xVtAm-0004nU-07 <= {CANARY}@{host} H={host} [{ip}]",
        f" {CANARY}",
    ]
    addresses = f'from=<{CANARY}@{host}> to=<{CANARY}@{host}> rcpt=<-> source="{ip}" relay="{ip} ({host})"'
    answer = f'delay=0s result="Ok" stat="250 {CANARY}"'
    opensmtpd = [
        f"{stamp}1 {host} smtpd[1]: 19f83d2e03fda42f smtp connected address={ip} host={host}",
        f"{stamp}1 {host} smtpd[1]: 19f83d2e03fda42f smtp message msgid=71c0329a size=700 nrcpt=1 proto=ESMTP",
        f"{stamp}1 {host} smtpd[1]: 19f83d31c1898f00 mta delivery evpid=71c0329a2c154f27 {addresses} {answer}",
        f"{stamp}1 {host} smtpd[1]: 19f83d2e03fda42f smtp message {CANARY}",
    ]
    table = [f"time,size,recipients,connection,{CANARY}", f"{START_S},100,1,{CANARY}@{host},x", f"{CANARY},1,1,{ip},x"]
    logs = {"postfix": postfix, "exim": exim, "opensmtpd": opensmtpd, "table": table}
    return {name: "\n".join(lines) + "\n" for name, lines in logs.items()}


@pytest.mark.parametrize("options", [[], ["--json"]], ids=["words", "json"])
@pytest.mark.parametrize("form", ["postfix", "exim", "opensmtpd", "table"])
def test_no_address_subject_or_host_leaves_a_log(
    form: str, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("a.log").write_text(canary_logs()[form])
    assert main(["init", "safe", "--from-log", "a.log", *options]) == 0
    shown = capsys.readouterr()
    assert files() == ["a.log", "safe.counts.csv", "safe.yaml"]
    everything = shown.out + shown.err + Path("safe.yaml").read_text() + Path("safe.counts.csv").read_text()
    assert "a.log" in everything
    for name in (CANARY, "203.0.113", "AA1", "1xVtAm", "19f83d2e03fda42f"):
        assert name not in everything
    assert load_scenario("safe.yaml").recipients.domain == "example.com"


def test_errors_about_a_log_hold_nothing_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.log").write_text(f"Nov 24 16:00:01 h postfix/qmgr[1]: AA2: from=<{CANARY}@x\n{CANARY}\n")
    assert main(["init", "--from-log", "a.log"]) == ExitCode.USAGE
    Path("b.csv").write_text(f"time,size\n{CANARY},1\n")
    assert main(["init", "--from-log", "b.csv"]) == ExitCode.USAGE
    assert CANARY not in capsys.readouterr().err


def test_broken_lines_are_shown_by_place_and_reason(capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.log").write_text(postfix_log([Connection(0, (10,))]) + "rubbish\n" * 5)
    assert main(["init", "--from-log", "a.log"]) == 0
    shown = capsys.readouterr()
    assert shown.err.splitlines() == [
        *(f"a.log:{line}: no date and time at the start" for line in (8, 9, 10)),
        "and 2 more such lines",
    ]
    assert "Broken lines, not used: 5: no date and time at the start." in shown.out
    assert "Broken lines, not used: 5" in Path("from_log.yaml").read_text()


def test_a_damaged_file_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    packed = gzip.compress(daytime_log().encode(), 1)
    Path("mail.log.gz").write_bytes(packed[: len(packed) // 2])
    assert main(["init", "--from-log", "mail.log.gz"]) == 0
    assert "mail.log.gz: its compressed data is damaged or cut short (EOFError)" in capsys.readouterr().err
    assert "Not read to the end: 1 damaged file." in Path("from_log.yaml").read_text()


def test_an_interrupt_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(LogProgress, "update", interrupt)
    Path("mail.log").write_text(postfix_log([Connection(0, (10,))]))
    assert main(["init", "--from-log", "mail.log"]) == ExitCode.INTERRUPTED
    assert files() == ["mail.log"]


def test_a_write_that_fails_leaves_the_old_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device", "x")

    Path("x.yaml").write_text("old")
    monkeypatch.setattr(Path, "replace", fail)
    assert main(["init", "x", "--force"]) == ExitCode.USAGE
    assert files() == ["x.yaml"]
    assert Path("x.yaml").read_text() == "old"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_a_bar_on_a_terminal_and_a_line_now_and_then_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 0.1, 9.0, 11.0, 12.0, 22.0, *[math.inf] * 9])
    monkeypatch.setattr("loadkit.cli._log_progress.monotonic", lambda: next(clock))
    pipe = io.StringIO()
    with LogProgress(pipe, 4 * 1024**3) as progress:
        for gigabytes in (0, 1, 2, 3, 4):
            progress.update(gigabytes * 1024**3)
    assert pipe.getvalue() == "read 2GiB of 4GiB\nread 4GiB of 4GiB\n"
    clock = iter([0.0, 0.1, 9.0])
    terminal = Terminal()
    with LogProgress(terminal, 4 * 1024**3) as progress:
        progress.update(1024**3)
        assert terminal.getvalue() == ""
        progress.update(2 * 1024**3)
        assert "2.0/4.3 GB" in terminal.getvalue() or "2.0/4.0 GiB" in terminal.getvalue()


def test_quiet_shows_no_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("loadkit.cli._log_progress.LogProgress")
    assert main(["init", "--quiet", "--from-log", str(FIXTURES / "postfix.log")]) == 0
    assert init_module.DEFAULT_LOG_NAME == "from_log"
