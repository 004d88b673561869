"""`loadkit plan`: from the example ladder to words and JSON, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from loadkit.analysis.goals import Goal
from loadkit.cli.app import main
from loadkit.errors import ExitCode
from loadkit.plan import measured

EXAMPLE = str(Path(__file__).parents[2] / "results" / "example")
READ = measured.read_measured
FEW = ("--type", "ecs.c8i.large", "--type", "ecs.g8i.large", "--draws", "100")
MEASURED = (EXAMPLE, "--measured", "ecs.c8i.large")


@pytest.fixture(autouse=True)
def read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The example is read and fitted once for each way to read it: that is most of the work of a plan."""
    monkeypatch.setattr(measured, "read_measured", read)


@lru_cache
def read_cached(folders: tuple[Path, ...], objective: Goal | None) -> measured.Measured:
    return READ(folders, objective=objective)


def read(
    folders: Sequence[Path], *, node: measured.Node, boxes: int = 1, objective: Goal | None = None
) -> measured.Measured:
    assert boxes == 1
    return replace(read_cached(tuple(folders), objective), node=node)


def lines_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    assert main(["plan", *arguments]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    return shown.out.splitlines()


def json_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main(["plan", *arguments, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["plan", *arguments]) == ExitCode.USAGE
    return capsys.readouterr().err


@pytest.fixture(scope="module")
def schema() -> jsonschema.Draft202012Validator:
    from loadkit.plan.plan_schema import plan_schema

    jsonschema.Draft202012Validator.check_schema(plan_schema())
    return jsonschema.Draft202012Validator(plan_schema())


def test_all_tiers_from_the_example_are_ranges_with_what_they_assume_and_what_to_measure(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = lines_of(capsys, *MEASURED, "--scenario", "promotion", "--tier", "all", *FEW)
    text = "\n".join(lines)
    assert max(map(len, lines)) <= 100
    assert [line.split()[1] for line in lines if line.startswith("TIER")] == ["basic", "professional", "enterprise"]
    grades = [line.split(maxsplit=1)[1] for line in lines if line.startswith("  grade")]
    assert grades == [f"{grade}: a range and what it assumes, no single number" for grade in
                      ("range only", "unsupported", "unsupported")]  # fmt: skip
    for name in ("  nodes", "  a month", "  a million"):
        amounts = [line for line in lines if line.startswith(name)]
        assert len(amounts) == 3
        assert all(" to " in amount for amount in amounts)
    assert "every input at its median" not in text
    assert text.count("  NEXT") == 3
    assert "drive 175/s for a modelled answer, 350/s for a supported one" in text
    assert "it can't be backed by the" in text
    assert "none will do; the nearest" in text
    assert "headroom" in text
    assert "promotion has no calendar: every hour is taken to be as busy as the whole of it" in text


def test_within_what_was_measured_there_are_numbers_and_a_bill(capsys: pytest.CaptureFixture[str]) -> None:
    lines = lines_of(capsys, *MEASURED, "--rate", "90/s", *FEW, "--budget", "5000", "--assume", "zones=1")
    rows = {line.split()[0]: line.split() for line in lines if line.startswith("  ") and line.split()}
    assert rows["grade"] == ["grade", "measured"]
    assert rows["budget"][1].endswith("%")
    assert rows["sum"][1:6] == ["every", "input", "at", "its", "median"]
    at = next(at for at, line in enumerate(lines) if line.startswith("  MONTH"))
    costs = [line.split()[-2] for line in lines[at:] if line.split()[-1:] in (["A"], ["C"], ["D"])]
    assert len(costs) >= 6
    assert f"{sum(Decimal(cost.replace(',', '')) for cost in costs):,}" == rows["sum"][-1]
    assert any(line.split()[-3:] == ["*", "zones", "1"] for line in lines)


def test_json_is_as_its_schema_says(
    capsys: pytest.CaptureFixture[str], schema: jsonschema.Draft202012Validator
) -> None:
    found = json_of(capsys, *MEASURED, "--tier", "professional", "--cells", "140/s", *FEW)
    schema.validate(found)
    (tier,) = found["tiers"]
    assert tier["promised_availability"] == 0.9995
    assert tier["chosen"] == tier["choices"][0]["instance_type"]
    choice = tier["choices"][0]
    assert choice["fleet"]["cells"]["count"] == 15
    assert choice["single_number"] is False
    total = sum(round(100 * float(line["EffectiveCost"])) for line in choice["bill"]["lines"])
    assert total == round(100 * float(choice["bill"]["total"]))
    broken = json.loads(json.dumps(found))
    broken["tiers"][0]["choices"][0]["fleet"]["nodes"].pop("p10")
    assert not schema.is_valid(broken)


def test_schemas_are_published(capsys: pytest.CaptureFixture[str]) -> None:
    from loadkit.plan.plan_schema import plan_schema

    assert main(["schema", "plan"]) == 0
    assert json.loads(capsys.readouterr().out) == plan_schema()
    assert main(["schema", "assumptions"]) == 0
    assert "headroom" in json.loads(capsys.readouterr().out)["properties"]


def test_ladders_of_several_types_are_compared(capsys: pytest.CaptureFixture[str]) -> None:
    compared = ("--compare", f"ecs.c8i.large={EXAMPLE}", "--compare", f"ecs.g8i.large={EXAMPLE}")
    types = ("--type", "ecs.c8i.large", "--type", "ecs.g8i.large", "--type", "ecs.c8i.xlarge", "--draws", "100")
    lines = lines_of(capsys, *compared, *types, "--rate", "200/s", "--objective", "p(99) < 200ms")
    at = lines.index("200/s: COST OF A MILLION MESSAGES")
    rows = {line.split()[0]: line for line in lines[at:] if line.startswith("  ecs")}
    assert rows["ecs.c8i.large"].endswith("  measured")
    assert rows["ecs.g8i.large"].endswith("  measured")
    assert "not measured: from 2 virtual CPUs to 4" in rows["ecs.c8i.xlarge"]
    names = [name for name, row in rows.items() if row.endswith("  measured")]
    medians = [float(rows[name].split()[5]) for name in names]
    assert medians == sorted(medians)


def test_mail_services_and_a_catalogue_in_dollars_are_as_the_schema_says(
    capsys: pytest.CaptureFixture[str], schema: jsonschema.Draft202012Validator
) -> None:
    intl = ("--catalog", "alibaba-intl", "--tier", "basic", "--draws", "20", "--budget", "100")
    found = json_of(capsys, *MEASURED, *intl)
    schema.validate(found)
    assert found["currency"] == "USD"
    assert found["tiers"][0]["services"][0]["name"] == "directmail"
    assert "INSTEAD OF SERVERS" in "\n".join(lines_of(capsys, *MEASURED, *intl))


def test_an_unknown_machine_carries_a_stated_prior(capsys: pytest.CaptureFixture[str]) -> None:
    found = json_of(capsys, EXAMPLE, "--rate", "50/s", *FEW)
    choice = found["tiers"][0]["choices"][0]
    assert choice["grade"] == "unsupported"
    (cores,) = (axis for axis in choice["axes"] if axis["name"] == "cores")
    assert cores["measured"] is None
    assert cores["prior"].startswith("the measured machine is not known: taken for 2 virtual CPUs")
    assert json_of(capsys, EXAMPLE, "--vcpus", "2", "--rate", "50/s", *FEW)["measured"][0]["vcpus"] == 2


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--rate", "50/s"), "there is no ladder to plan from"),
        ((*MEASURED, "--vcpus", "2", "--rate", "50/s"), "leave out --vcpus"),
        (("--compare", "here", "--rate", "50/s"), "is not TYPE=LADDER"),
        ((*MEASURED,), "there is nothing to plan for"),
        ((*MEASURED, "--rate", "0/s"), "is above 0/s"),
        ((*MEASURED, "--rate", "50/s", "--cells", "0/s"), "is above 0/s"),
        ((*MEASURED, "--tier", "profesional"), "did you mean professional?"),
        ((*MEASURED, "--rate", "50/s", "--objective", "fast"), "--objective:"),
        ((*MEASURED, "--rate", "50/s", "--assume", "headrom=0.7"), "--assume: headrom: is not a known key"),
        ((*MEASURED, "--rate", "50/s", "--catalog", "alibaba"), "there is no catalogue 'alibaba'"),
    ],
)
def test_what_is_wrong_is_said(arguments: tuple[str, ...], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert complaint in refused(capsys, *arguments)
