"""A run of mail and another channel: the ledger is about mail alone, and the channels stand apart."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from support.recording import PLAN, MadeUpRun

from loadkit.measure.channels import ChannelKind, ChannelLine
from loadkit.measure.delivery import Delivery
from loadkit.measure.ends import OutcomeLine
from loadkit.measure.reconciliation import Reconciliation
from loadkit.measure.records import Route
from loadkit.measure.store import open_run, rebuild_summary
from loadkit.measure.summary import Summary

if TYPE_CHECKING:
    from pathlib import Path

MIXED = replace(PLAN, routes=(Route("smtp", "smtp"), Route("api", "http")))
# Ten measured seconds of 50 messages of each kind, of which the last second's are refused.
ALL, ACCEPTED = 500, 450


def test_only_mail_is_in_the_ledger(tmp_path: Path) -> None:
    run = MadeUpRun(tmp_path, plan=MIXED)
    run.finish()
    assert run.recorder.accepted.count == 11 * 50
    assert list(run.recorder.accepted.ranges())[:2] == [(0, 0), (2, 2)]  # the kinds alternate
    assert run.recorder.statistics().counters.accepted_per_second.tolist() == [50] * 11
    last_s = 10 + 98 / 100 * 0.9 + 0.03  # the last but one is the last mail
    assert run.recorder.last_accepted_s is not None
    assert abs(run.recorder.last_accepted_s - last_s) < 1e-9


def test_a_summary_has_every_channel(tmp_path: Path) -> None:
    run = MadeUpRun(tmp_path, plan=MIXED)
    run.recorder.finish(12.0)
    counts = Reconciliation(550, 550, 0, (), 0, 0, 0, 0)
    delivery = Delivery(counts, channels={"ad": 449})
    summary = run.summary(delivery=delivery)
    refused = OutcomeLine("permanent", "rcpt", 550, "5.1.1", "", ALL - ACCEPTED)
    assert summary.channels == (
        ChannelLine("smtp", "smtp", "", 45.0, {"note": ChannelKind(ALL, 0, ALL, ACCEPTED, None)}, (refused,)),
        ChannelLine("api", "http", "", 45.0, {"ad": ChannelKind(ALL, 0, ALL, ACCEPTED, 449)}, (refused,)),
    )
    assert Summary.from_dict(summary.to_dict()) == summary
    folder = run.writer.finish(summary, 99, 1_700_000_012.5, delivery)
    assert rebuild_summary(open_run(folder)).channels == summary.channels


def test_limits_of_a_mail_server_are_told_from_mail_alone(tmp_path: Path) -> None:
    whole, mixed = (MadeUpRun(tmp_path / name, plan=plan) for name, plan in (("whole", PLAN), ("mixed", MIXED)))
    for run in (whole, mixed):
        run.recorder.finish(12.0)
    seen = [run.summary().diagnosis[0].seen for run in (whole, mixed)]
    assert [text.split(" messages")[0] for text in seen] == ["100 of 1,000", "50 of 500"]


def test_a_run_of_mail_alone_has_no_channels(tmp_path: Path) -> None:
    assert MadeUpRun(tmp_path).summary().channels == ()


def test_what_is_left_out_says_why(tmp_path: Path) -> None:
    out = Route("devices", "mqtt", "paho is not installed: pip install 'loadkit[mqtt]'")
    run = MadeUpRun(tmp_path, plan=replace(PLAN, kinds=("note", "ad"), routes=(Route("smtp", "smtp"), out)))
    assert run.summary().channels[1].left_out == out.left_out
