"""Lines that are cut, mixed, made up or endless: counted and shown, never fatal, never in the way of the others."""

from __future__ import annotations

import random
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.maillogs import FIXTURES, Connection, postfix_log, read_log

from loadkit.errors import UsageError
from loadkit.logs.block import Block
from loadkit.logs.clock import Clock
from loadkit.logs.exim import EximLog
from loadkit.logs.files import BLOCK_BYTES
from loadkit.logs.gather import gather
from loadkit.logs.gathering import Gathered
from loadkit.logs.opensmtpd import OpenSmtpdLog
from loadkit.logs.postfix import PostfixLog
from loadkit.logs.reader import NO_DATE, TOO_LONG, TRUNCATED
from loadkit.logs.table import TableLog

GOOD = postfix_log([Connection(second, (1000,)) for second in range(20)])
HEAD = "Nov  5 00:00:30 mail postfix/qmgr[1]: "


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (f"{HEAD}ABC: from=<a@example.com>, si", TRUNCATED),
        (f"{HEAD}ABC: from=<a@exa", TRUNCATED),
        (f"{HEAD}ABC: from=<a>, size=99999999999999999999, nrcpt=1 (queue active)", TRUNCATED),
        ("nonsense without a date", NO_DATE),
        ("\x00\x01\x02\x7f", NO_DATE),
        ("Nov 31 00:00:30 mail postfix/qmgr[1]: ABC: from=<a>, size=1, nrcpt=1 (queue active)", NO_DATE),
        ("Nov  5 00:00:30 mail " + "x" * 70_000, TOO_LONG),
        ("Nov  5 00:00:30 mail " + "x" * 3 * BLOCK_BYTES, TOO_LONG),
    ],
    ids=range(8),
)
def test_a_broken_line_is_counted_with_its_place(tmp_path: Path, line: str, reason: str) -> None:
    lines = GOOD.splitlines(keepends=True)
    logs = read_log(tmp_path, "".join([*lines[:5], f"{line}\n", *lines[5:]]))
    assert logs.gathered.messages == 20
    assert dict(logs.gathered.broken.counts) == {reason: 1}
    assert logs.gathered.broken.examples == {reason: [(str(tmp_path / "mail.log"), 6)]}


@pytest.mark.parametrize(
    "line",
    [
        f"{HEAD}ABC: from=<a@example.com>, status=expired, returned to sender",
        f"{HEAD}ABC: removed",
        "Nov  5 00:00:30 mail CRON[1]: (root) CMD (true)",
        "",
    ],
)
def test_a_line_about_something_else_is_not_broken(tmp_path: Path, line: str) -> None:
    logs = read_log(tmp_path, f"{GOOD}{line}\n")
    assert (logs.gathered.messages, dict(logs.gathered.broken.counts)) == (20, {})


def test_a_sender_can_not_make_up_sizes(tmp_path: Path) -> None:
    line = f'{HEAD}ABC: from=<"x>, size=1, nrcpt=900 (queue active"@example.com>, size=2000, nrcpt=2 (queue active)\n'
    gathered = read_log(tmp_path, line).gathered
    assert (gathered.sizes.mean, gathered.recipients.mean) == (2000, 2)


def test_a_subject_can_not_make_up_sizes_for_exim(tmp_path: Path) -> None:
    line = (
        "2026-11-24 16:15:12 1xVtAm-0004nU-06 <= a@example.org H=mail.example.org [192.0.2.1] P=esmtps S=2000 "
        'id=1@example.org T="x P=smtp S=1 "\n'
    )
    assert read_log(tmp_path, line).gathered.sizes.mean == 2000


def test_many_broken_lines_are_counted_and_few_are_shown(tmp_path: Path) -> None:
    logs = read_log(tmp_path, GOOD + "rubbish\n" * 10_000)
    assert logs.gathered.broken.counts == {NO_DATE: 10_000}
    assert len(logs.gathered.broken.examples[NO_DATE]) == 3


def test_encodings_mix(tmp_path: Path) -> None:
    lines = [
        f"{HEAD}A{number}: from=<".encode() + name + b"@example.com>, size=500, nrcpt=1 (queue active)\n"
        for number, name in enumerate(("ä".encode(), b"\xe4", "漢".encode("utf-16"), b"\xff\xfe"))
        if b"\n" not in name
    ]
    assert read_log(tmp_path, b"".join(lines)).gathered.messages == 4


PIECES = [
    *(
        line
        for name in ("postfix", "exim", "opensmtpd")
        for line in (FIXTURES / f"{name}.log").read_bytes().split(b"\n")
    ),
    b"time,size,recipients,connection,tls",
    b'2026-11-24 16:00:01,100,1,"a',
    b"1793836800,\xff,1,x,yes",
]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(PIECES), st.integers(0, 200), st.binary(max_size=8)), max_size=30))
def test_cut_and_joined_lines_never_end_the_reading(parts: list[tuple[bytes, int, bytes]]) -> None:
    data = b"".join(piece[:cut] + noise + b"\n" for piece, cut, noise in parts) or b"\n"
    gathered = Gathered()
    for reader in (PostfixLog(gathered), EximLog(gathered), OpenSmtpdLog(gathered), TableLog(gathered)):
        block = Block(data, 1, Clock(1_795_500_000.0))
        if reader.recognises(block) or reader.dated:
            reader.read(block, "x")
        reader.finish()
    assert gathered.messages >= 0


@pytest.mark.slow
def test_memory_does_not_grow_with_queue_ids_domains_and_line_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loadkit.logs.gathering.MAX_DOMAINS", 500)
    monkeypatch.setattr("loadkit.logs.gathering.Recent.__init__.__defaults__", (500,))
    peaks = {}
    for count in (4_000, 20_000):
        number = random.Random(1)
        lines = [
            f"Nov  5 00:00:01 mail postfix/smtp[1]: {number.getrandbits(48):012X}: to=<a@d{index}.example>, "
            "relay=none, delay=1, delays=0/0/1/0, dsn=4.4.1, status=deferred (x)\n"
            for index in range(count)
        ]
        (tmp_path / "mail.log").write_text(GOOD + "".join(lines) + "\n" * 600_000)
        del lines
        monkeypatch.setattr("loadkit.logs.files.BLOCK_BYTES", 256 * 1024)
        tracemalloc.start()
        gathered = gather([tmp_path / "mail.log"]).gathered
        peaks[count] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert gathered.deferrals.messages == count
        assert gathered.deferrals.dropped == count - 500
        assert gathered.domains.dropped > count - 1000
    assert peaks[20_000] < peaks[4_000] + 1e6


def test_nothing_about_mail_is_an_error_with_what_would_do(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no line of these logs is about mail") as caught:
        read_log(tmp_path, "Nov  5 00:00:01 host CRON[1]: nothing\n")
    assert "Postfix, Exim and OpenSMTPD" in caught.value.hint


def test_a_log_without_messages_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no message arrived in these 1 lines of Postfix; 1 were broken"):
        read_log(tmp_path, f"{HEAD}ABC: from=<a\n")
