"""`loadkit forecast` from the command line to words, JSON and a page."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from loadkit.cli._bundled import find_scenario
from loadkit.cli.app import main
from loadkit.errors import ExitCode
from loadkit.plan.measured import read_measured
from loadkit.plan.policy_schema import Timeline, parse_policies
from loadkit.scenario.load import load_scenario

ROOT = Path(__file__).parents[2]

SALE = """\
scenario: sale
campaign:
  start: 2026-11-10T20:00
  time_zone: Asia/Shanghai
  duration: 8h
  rate: 40/s
  events: [{name: opening, at: 2026-11-11T00:00, duration: 30m, rate: 310/s}]
messages: {note: {size: 2KiB}}
"""
POLICIES = """\
policies:
  elastic: {nodes: 2, autoscale: {max: 6}}
  ahead: {nodes: 2, prescale: [{at: 2026-11-11T00:00, ahead: 1m, for: 45m, nodes: 4}]}
"""


@pytest.fixture
def sale(tmp_path: Path) -> str:
    (tmp_path / "sale.yaml").write_text(SALE)
    (tmp_path / "policies.yaml").write_text(POLICIES)
    return str(tmp_path / "sale.yaml")


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """What the command prints as JSON."""
    assert main(["forecast", *arguments, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_a_promotion_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["forecast", "promotion", "--nodes", "2", "--capacity", "150/s"]) == 0

    shown = capsys.readouterr()
    assert shown.err == ""
    fixed, elastic, enough = (line.split() for line in shown.out.splitlines()[4:7])
    assert (fixed[:2], elastic[:2], enough[:2]) == (["fixed", "no"], ["elastic", "no"], ["enough", "yes"])
    words = " ".join(shown.out.split())
    assert "How many nodes are enough without any change? 3, so that p(99) < 30s in every hour." in words
    assert "When must a fleet of 2 scale out? No later than 9m00s" in words
    assert "150/s, as stated on the command line and not measured here" in words


def test_the_documented_policies_are_valid_and_the_options_exist(capsys: pytest.CaptureFixture[str]) -> None:
    text = (ROOT / "docs" / "forecast.md").read_text()
    (documented,) = re.findall(r"```yaml .*?\n(.*?)```", text, re.DOTALL)
    campaign = load_scenario(find_scenario("mixed_month")).campaign
    assert campaign is not None

    policies = parse_policies(documented, "docs/forecast.md", 2, Timeline(campaign.duration_s, 0.0, campaign))
    assert [policy.name for policy in policies] == ["night", "elastic", "ahead"]
    assert main(["forecast", "--help"]) == 0
    helped = capsys.readouterr().out
    assert [option for option in re.findall(r"`(--[a-z-]+)", text) if option not in helped] == []


def test_policies_tiers_and_costs_side_by_side(sale: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = ["--policy", str(tmp_path / "policies.yaml"), "--type", "ecs.c8i.xlarge"]
    found = told(capsys, sale, "--capacity", "100/s", *files, "--tier", "basic")

    assert [(one["name"], one["survives"]) for one in found["policies"]] == [
        ("elastic", "no"),
        ("ahead", "no"),
        ("enough", "yes"),
    ]
    assert [(one["name"], one["survives"], one["node_hours"]) for one in found["tiers"]] == [("basic", "yes", None)]
    # Nodes serve three minutes after their order, and one minute ahead is too late; by then 9,000 wait for 45 s.
    (scale_out,) = found["scale_outs"]
    assert scale_out["policy"] == "ahead"
    assert 120 <= scale_out["lead_s"] <= 300
    assert scale_out["order_s"] == 4 * 3600 - scale_out["lead_s"]
    assert found["enough_nodes"]["value"] == 4
    by_mix = {(one["policy"], one["mix"]): one for one in found["costs"]}
    # Four servers for 730 hours at 1.354 an hour.
    assert by_mix["enough", "hourly"]["total"] == "3953.68"
    # Two all the time, and two more for the hours from 23:59 to 00:45.
    assert by_mix["ahead", "hourly"]["total"] == f"{(2 * 730 + 2 * 2) * 1.354:.2f}"
    assert by_mix["ahead", "hourly"]["indicative"] is True


def test_a_peak_may_be_named(sale: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "peak.yaml").write_text(
        "policies: {known: {nodes: 2, prescale: [{at: peak, ahead: 10m, for: 1h, nodes: 4}]}}"
    )
    found = told(capsys, sale, "--capacity", "100/s", "--policy", str(tmp_path / "peak.yaml"))

    nodes = found["policies"][0]["steps"]["nodes"]
    assert nodes[229:231] == [2, 4]  # 00:00 is 240 minutes after the start
    assert found["policies"][0]["survives"] == "yes"


def test_retries_and_a_limit_make_more_nodes_necessary(sale: str, capsys: pytest.CaptureFixture[str]) -> None:
    def enough(*options: str) -> float:
        nodes: float = told(capsys, sale, "--capacity", "90/s", *options)["enough_nodes"]["value"]
        return nodes

    assert enough() == 4
    assert enough("--retry", "10%") == 5
    assert enough("--objective", "p(99) < 5m") == 4
    # Three are 80/s short for half an hour: 144,000 wait for 533 s at most. Two are 170/s short: for 1,700 s.
    assert enough("--objective", "p(99) < 10m") == 3
    assert enough("--objective", "p(99) < 30m") == 2


def test_nights_are_those_of_the_campaign(sale: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "night.yaml").write_text('policies: {n: {nodes: 5, night: {from: "01:30", to: "02:30", nodes: 1}}}')
    found = told(capsys, sale, "--capacity", "100/s", "--policy", str(tmp_path / "night.yaml"))

    nodes = found["policies"][0]["steps"]["nodes"]
    assert [minute for minute, count in enumerate(nodes) if count == 1] == list(range(330, 390))


def test_a_ladder_gives_capacity_with_an_interval(sale: str, capsys: pytest.CaptureFixture[str]) -> None:
    ladder = [ROOT / "results" / "example"]
    found = told(capsys, sale, "--ladder", str(ladder[0]))

    measured = read_measured(ladder)
    capacity = found["capacity_per_s"]
    assert (capacity["low"], capacity["value"], capacity["high"]) == (
        measured.capacity_per_s.low,
        measured.capacity_per_s.mid,
        measured.capacity_per_s.high,
    )
    assert capacity["low"] < capacity["value"] < capacity["high"]
    assert measured.basis in found["rests_on"][0]


def test_the_page_needs_no_network(sale: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.html"
    options = ["--policy", str(tmp_path / "policies.yaml"), "--type", "ecs.c8i.xlarge", "--html", str(page)]
    assert main(["forecast", sale, "--capacity", "100/s", *options]) == 0

    text = page.read_text()
    assert f"wrote {page}" in capsys.readouterr().err
    assert "<h1>sale: its calendar against fleets</h1>" in text
    assert "capacity of elastic" in text
    assert "<td>3,953.68</td>" in text
    assert "<li>When must ahead scale out?" in text
    assert "<script src=" not in text
    assert "<link" not in text


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ([], "needs what one node can serve"),
        (["--capacity", "100/s", "--ladder", "results"], "needs what one node can serve"),
        (["--capacity", "0/s"], "--capacity must be above 0/s"),
        (["--capacity", "100/s", "--tier", "profesional"], "did you mean professional?"),
        (["--capacity", "100/s", "--type", "ecs.c8i.xlrge"], "did you mean ecs.c8i.xlarge?"),
        (["--capacity", "100/s", "--catalog", "tiers"], "--catalog is for --tier and --type"),
        (["--capacity", "100/s", "--objective", "p(99) < 3"], "--objective"),
        (["--capacity", "100/s", "--objective", "success >= 99%"], "is no delay"),
        (["--capacity", "100/s", "--objective", "p(99) < 20ms"], "service alone takes 50ms"),
        (["--capacity", "100/s", "--service-time", "0s"], "--service-time must be more than 0"),
    ],
)
def test_what_is_wrong_is_said(
    options: list[str], complaint: str, sale: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["forecast", sale, *options]) == ExitCode.USAGE
    shown = capsys.readouterr()
    assert complaint in shown.err
    assert shown.out == ""


def test_problems_of_policies_are_all_named(sale: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text("policies:\n  a: {nodes: 0}\n  b: {prescale: [{at: 9h, ahead: 1m, for: 1h, nodes: 2}]}\n")

    assert main(["forecast", sale, "--capacity", "100/s", "--policy", str(file)]) == ExitCode.USAGE
    assert f"{file}:2: policies.a.nodes: must be from 1 to 100,000, not 0" in capsys.readouterr().err
    file.write_text("policies:\n  b: {prescale: [{at: 9h, ahead: 1m, for: 1h, nodes: 2}]}\n")
    assert main(["forecast", sale, "--capacity", "100/s", "--policy", str(file)]) == ExitCode.USAGE
    assert "9h is not within the 8h00m of the load" in capsys.readouterr().err


def test_a_closed_loop_has_nothing_to_forecast(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "closed.yaml"
    file.write_text(
        "scenario: closed\nload: {executor: sessions, sessions: 2, duration: 10s}\nmessages: {note: {size: 1KiB}}\n"
    )

    assert main(["forecast", str(file), "--capacity", "100/s"]) == ExitCode.USAGE
    assert "nothing to forecast" in capsys.readouterr().err


def test_a_policy_named_twice_is_refused(sale: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    twice = ["--policy", str(tmp_path / "policies.yaml")] * 2
    assert main(["forecast", sale, "--capacity", "100/s", *twice]) == ExitCode.USAGE
    assert "name a policy ahead and elastic" in capsys.readouterr().err
