from __future__ import annotations

from pathlib import Path

import pytest
from support.maillogs import read_log

from loadkit.logs.table import BAD_NUMBER, BAD_ROW, BAD_TIME


@pytest.mark.parametrize("separator", [",", ";", "\t"], ids=["comma", "semicolon", "tab"])
def test_every_column(tmp_path: Path, separator: str) -> None:
    rows = [
        "Timestamp,size_bytes,NRCPT,session,tls,attempt",
        "2026-11-24 16:00:01,1000,1,a,TLSv1.3,1",
        "2026-11-24T16:00:01+02:00,3000,3,a,yes,1",
        "1795536002,2000,1,b,no,1",
        "1795536003.25,2000,1,b,,2",
    ]
    logs = read_log(tmp_path, "\n".join(rows).replace(",", separator))
    gathered = logs.gathered
    assert (logs.formats, gathered.messages, gathered.sizes.mean) == (("CSV",), 3, 2000)
    assert gathered.recipients.counts[:4].tolist() == [0, 2, 0, 1]
    assert gathered.sessions.counts[:3].tolist() == [0, 0, 2]
    assert (gathered.tls, gathered.tls_of) == (2, 4)
    assert (gathered.deferrals.messages, gathered.deferrals.retries) == (1, 1)
    assert gathered.arrivals.count_of(gathered.arrivals.days[0]) == 3


def test_only_times_are_needed(tmp_path: Path) -> None:
    gathered = read_log(tmp_path, "id,time\nx,2026-11-24 16:00:01\n").gathered
    assert (gathered.messages, gathered.sizes.total, gathered.recipients.total) == (1, 0, 0)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("yesterday,1,1", BAD_TIME),
        ("1795536002000,1,1", BAD_TIME),
        ("2026-13-01 00:00:00,1,1", BAD_TIME),
        (",1,1", BAD_TIME),
        ("1795536002,-1,1", BAD_NUMBER),
        ("1795536002,1,NaN", BAD_NUMBER),
        ("1795536002," + "9" * 50 + ",1", BAD_NUMBER),
        ("1795536002,1", BAD_ROW),
        ("1795536002,1,1,1", BAD_ROW),
        ('1795536002,"1,1', BAD_ROW),
        ('"', BAD_ROW),
    ],
)
def test_a_broken_row_takes_no_other_along(tmp_path: Path, row: str, reason: str) -> None:
    good = '1795536001,10,1\n"1795536001",10,1\n'
    gathered = read_log(tmp_path, f"time,size,recipients\n{good}{row}\n{good}").gathered
    assert (gathered.messages, gathered.sizes.mean) == (4, 10)
    assert gathered.broken.counts == {reason: 1}
    assert gathered.broken.examples[reason][0][1] == 4
