"""`loadkit catalog` on the command line: what it prints, where, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from loadkit.cli.app import main
from loadkit.errors import ExitCode
from loadkit.plan.catalog_load import load_catalog

Capture = pytest.CaptureFixture[str]
MINE = """\
catalog: mine
currency: CNY
region: cn-hangzhou
sources:
  list: {text: my list, grade: A, as_of: 2026-11-01}
instance_types:
  n.2: {family: n, vcpus: 2, memory: 4GiB, hourly: {amount: 1, unit: Hours, source: list}}
  n.4: {family: n, vcpus: 4, memory: 8GiB, hourly: {amount: 2, unit: Hours, source: list}}
  n.8: {family: n, vcpus: 8, memory: 16GiB, hourly: {amount: 3, unit: Hours, source: list}}
"""


@pytest.fixture
def mine(tmp_path: Path) -> str:
    path = tmp_path / "mine.yaml"
    path.write_text(MINE)
    return str(path)


def run(capsys: Capture, *arguments: str, code: int = 0) -> tuple[str, str]:
    assert main(["catalog", *arguments]) == code
    shown = capsys.readouterr()
    return shown.out, shown.err


def test_list_says_how_old_prices_are_and_how_far_to_be_trusted(capsys: Capture) -> None:
    out, err = run(capsys, "list")
    rows = [line.split() for line in out.splitlines()]
    assert err == ""
    assert rows[0] == ["CATALOGUE", "CURRENCY", "REGION", "TYPES", "TIERS", "PRICES", "UNDATED", "OLDEST", "GRADES"]
    assert rows[1][:8] == ["alibaba-cn", "CNY", "cn", "21", "0", "95", "92", "2024-11-20"]
    assert rows[3] == ["tiers", "-", "-", "0", "3", "0", "0", "-", "-"]

    listed = json.loads(run(capsys, "list", "--json")[0])
    assert listed[1] == {
        "name": "alibaba-intl",
        "currency": "USD",
        "region": "us-east-1",
        "instance_types": 2,
        "tiers": 0,
        "prices": 20,
        "undated": 10,
        "oldest": "2024-12-20",
        "grades": {"A": 10, "B": 7, "D": 3},
    }


def test_show_of_a_catalogue_has_every_price_with_what_it_rests_on(capsys: Capture, mine: str) -> None:
    out, _ = run(capsys, "show", mine)
    assert [line.split() for line in out.splitlines()[2:]] == [
        ["ITEM", "PRICE", "AMOUNT", "UNIT", "REGION", "GRADE", "AS", "OF", "SOURCE"],
        *(
            [name, "hourly", amount, "CNY", "Hours", "cn-hangzhou", "A", "2026-11-01", "my", "list"]
            for name, amount in (("n.2", "1"), ("n.4", "2"), ("n.8", "3"))
        ),
    ]

    shown = json.loads(run(capsys, "show", mine, "--json")[0])
    assert shown["instance_types"]["n.8"]["hourly"] == {
        "amount": "3",
        "currency": "CNY",
        "unit": "Hours",
        "region": "cn-hangzhou",
        "as_of": "2026-11-01",
        "source": "my list",
        "grade": "A",
        "suspect": "",
    }


def test_show_of_tiers(capsys: Capture) -> None:
    out, _ = run(capsys, "show", "tiers")
    assert [line.split()[:3] for line in out.splitlines() if "/s" in line] == [
        ["basic", "500/s", "99.90%"],
        ["professional", "2,000/s", "99.95%"],
        ["enterprise", "100,000/s", "99.99%"],
    ]


def test_show_of_one_thing_looks_in_all_that_are_shipped(capsys: Capture) -> None:
    found = json.loads(run(capsys, "show", "nlb", "--json")[0])
    assert [(one["key"], one["price"]["amount"], one["price"]["currency"]) for one in found] == [
        ("instance", "0.147", "CNY"),
        ("unit", "0.036", "CNY"),
        ("instance", "0.02", "USD"),
        ("unit", "0.0049", "USD"),
    ]
    assert "SUSPECT: 11 % below" in run(capsys, "show", "ecs.c8i.8xlarge")[0].replace("\n", " ")


def test_show_of_nothing_known_suggests_something(capsys: Capture) -> None:
    out, err = run(capsys, "show", "ecs.c8i.xlagre", code=ExitCode.USAGE)
    assert out == ""
    assert "there is no catalogue and no thing 'ecs.c8i.xlagre'" in err
    assert "did you mean ecs.c8i.xlarge?" in err


def test_check_of_what_is_shipped_warns_and_ends_well(capsys: Capture) -> None:
    out, err = run(capsys, "check", "--as-of", "2026-11-30")
    assert err == ""
    assert "alibaba-cn  95 prices: 0 errors, 23 warnings" in out
    assert "ecs.c8i.8xlarge: 9.641 an hour is -11% off" in out
    assert "740 days old" in out
    assert "tiers  0 prices: 0 errors, 0 warnings" in out


def test_check_ends_with_99_where_prices_contradict_each_other(capsys: Capture, mine: str) -> None:
    out, _ = run(capsys, "check", mine, code=ExitCode.THRESHOLDS)
    assert "1 error, " in out
    assert "n.8: 3 an hour is -25% off what n costs by the vCPU elsewhere" in out

    out, _ = run(capsys, "check", mine, "--as-of", "2026-11-30", "--max-age", "7d", "--json", code=99)
    findings = json.loads(out)["mine"]
    assert [finding["items"] for finding in findings if finding["severe"]] == [["n.8"]]
    assert [finding["message"] for finding in findings if finding["kind"] == "stale"] == [
        "29 days old: my list, 2026-11-01"
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--as-of", "today"], "'today' is not a day"),
        (["--max-age", "180"], "write a number with a unit"),
        (["aws"], "there is no catalogue 'aws'"),
    ],
)
def test_check_refuses_what_it_does_not_understand(arguments: list[str], words: str, capsys: Capture) -> None:
    assert words in run(capsys, "check", *arguments, code=ExitCode.USAGE)[1]


def test_check_of_a_wrong_file_names_every_problem(capsys: Capture, mine: str) -> None:
    Path(mine).write_text(MINE.replace("amount: 1,", "amount: 0,").replace("vcpus: 4", "vcpus: four"))
    _, err = run(capsys, "check", mine, code=ExitCode.USAGE)
    assert [line.split(": ")[:2] for line in err.splitlines()] == [
        [f"{mine}:7", "instance_types.n.2.hourly.amount"],
        [f"{mine}:8", "instance_types.n.4.vcpus"],
        ["error", "2 problems in the catalogue; nothing was priced"],
    ]


def test_import_writes_a_catalogue_and_names_what_it_leaves_out(capsys: Capture, tmp_path: Path) -> None:
    table, written = tmp_path / "table.csv", tmp_path / "prices.yaml"
    table.write_text("type,currency,hourly\necs.c8i.large,CNY,0.7\necs.gn7.large,CNY,9\n")

    options = ["--layout", "csv", "--region", "cn-hangzhou", "--as-of", "2026-11-20", "--grade", "A"]
    out, err = run(capsys, "import", str(table), *options, "-o", str(written))

    assert out == ""
    assert err.splitlines() == [
        f"left out: {table}:3: vcpus: vcpus and memory are needed, because the type's name doesn't say them",
        f"wrote {written}: things with a price: 1; left out: 1",
    ]
    hourly = load_catalog([written]).instance_types["ecs.c8i.large"].hourly
    assert hourly is not None
    assert (str(hourly.amount), hourly.region, str(hourly.as_of), str(hourly.grade)) == (
        "0.7",
        "cn-hangzhou",
        "2026-11-20",
        "A",
    )
    assert run(capsys, "import", str(table), *options)[0] == written.read_text()
    assert json.loads(run(capsys, "import", str(table), *options, "--json")[0])["left_out"][0].startswith(str(table))


def test_import_without_anything_to_read_ends_with_2(capsys: Capture, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}")
    for layout, words in (("alibaba", "has no pricingInfo"), ("csv", "is no column"), ("quote", "is missing")):
        out, err = run(capsys, "import", str(tmp_path / "x.json"), "--layout", layout, code=ExitCode.USAGE)
        assert out == ""
        assert words in err
    assert "can't read" in run(capsys, "import", "none.json", "--layout", "alibaba", code=ExitCode.USAGE)[1]
