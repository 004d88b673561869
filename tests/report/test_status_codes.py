"""SMTP replies in plain words."""

from __future__ import annotations

import pytest

from loadkit.measure.ends import OutcomeLine
from loadkit.report.status_codes import explain
from loadkit.report.words import ENGLISH, Words


def end(kind: str, code: int = 0, enhanced: str = "") -> OutcomeLine:
    return OutcomeLine(kind, "rcpt", code, enhanced, "", 1)


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        (end("permanent", 550, "5.1.1"), "there is no such mailbox at this domain (for good:"),
        (end("transient", 450, "4.2.2"), "the mailbox is full (for now:"),
        (end("permanent", 554, "5.7.99"), "a rule of the server, or its security, stands against it (for good:"),
        (end("transient", 421, "4.99.1"), "the server ends the connection"),
        (end("transient", 451), "the server failed at it just now (for now:"),
        (end("permanent", 550, "nonsense"), "refused: no such mailbox, or a rule of the server (for good:"),
        (end("timeout"), "no reply came in time"),
        (end("accepted", 250, "2.0.0"), "the server took what it was given"),
        (end("permanent", 599), ""),
    ],
)
def test_the_most_exact_code_is_explained(line: OutcomeLine, meaning: str) -> None:
    told = explain(line, ENGLISH)
    assert told.startswith(meaning)
    assert bool(told) == bool(meaning)


def test_it_is_explained_in_chinese() -> None:
    told = explain(end("transient", 452, "4.2.2"), Words("zh"))
    assert told.startswith("邮箱已满")
    assert "同一封邮件稍后可能通过" in told
