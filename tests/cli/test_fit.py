"""`loadkit fit`: from CSV files and run folders to words, JSON and a page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.public_tables import SDM91

from loadkit.analysis.queueing import mm1_response_quantile
from loadkit.cli.app import main
from loadkit.errors import ExitCode

EXAMPLE = Path(__file__).parents[2] / "results" / "example"


def sdm91(folder: Path) -> Path:
    file = folder / "sdm91.csv"
    rows = "".join(f"{users:g}, {rate:g}\n" for users, rate in zip(*SDM91, strict=True))
    file.write_text(f"# SPEC SDM91\nusers,scripts\n{rows}\n")
    return file


def test_a_table_is_fitted_and_said_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", str(sdm91(tmp_path)), "--csv", "users,scripts"]) == 0
    shown = capsys.readouterr()
    lines = shown.out.splitlines()
    assert lines[0] == "linear with cap  X = min(g N, cap)  (scripts against users)"
    titles = [line for line in lines if line.isupper() and not line.startswith(" ")]
    assert titles == ["CANDIDATES", "CHOSEN", "INTERVALS AT 95%", "FORECAST", "PLOT", "NEXT"]
    (chosen,) = (line for line in lines if line.startswith("  *"))
    assert chosen.split() == ["*", "linear", "with", "cap", "0", "4.3%", "29.38", "1,761", "g", "59.92", "cap", "1,761"]
    assert max(map(len, lines)) <= 100
    assert shown.err == ""


def test_json_has_everything_and_a_curve_can_be_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", str(sdm91(tmp_path)), "--csv", "users,scripts", "--curve", "usl", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["scalability"]
    assert found["curve"]["curve"] == "USL"
    assert found["why"] == "it was asked for"
    assert found["names"] == ["users", "scripts"]
    assert found["n_max"]["value"] == pytest.approx(92.58, abs=0.01)
    assert found["next_trial"]["concurrency"] == 432


def test_latencies_have_the_units_of_column_or_cell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "latency.csv"
    rates = (20, 40, 60, 80, 90)
    median, p99 = ([mm1_response_quantile(rate, 0.01, one) for rate in rates] for one in (0.5, 0.99))
    rows = [f"{rate},{1e3 * low},{1e3 * high:.6f}ms" for rate, low, high in zip(rates, median, p99, strict=True)]
    file.write_text("\n".join(["rate,p50_ms,p99", *rows]))
    assert main(["fit", str(file), "--csv", "rate,p50_ms,p99", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["latency"]
    assert found["capacity"]["value"] == pytest.approx(100, rel=1e-3)
    assert found["quantiles"]["p99"]["floor_s"]["value"] == pytest.approx(0.04605, rel=1e-2)
    assert main(["fit", str(file), "--csv", "rate,p50_ms,p99"]) == 0
    assert "latency in ms: o p50, x p99" in capsys.readouterr().out


def test_a_page_needs_no_network(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "curve.html"
    assert main(["fit", str(sdm91(tmp_path)), "--csv", "users,scripts", "--html", str(page)]) == 0
    assert capsys.readouterr().err == f"wrote {page}\n"
    text = page.read_text()
    assert "<h1>loadkit fit</h1>" in text
    assert "linear with cap" in text
    assert 'src="http' not in text
    assert '"label":"users"' in text


def test_several_files_are_several_runs_only_where_a_column_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "runs.csv"
    levels, rates = SDM91
    rows = [f"{users},{rate * factor},{run}" for run, factor in (("a", 1), ("b", 1.1), ("c", 0.95))
            for users, rate in zip(levels, rates, strict=True)]  # fmt: skip
    file.write_text("\n".join(["users,scripts,run", *rows]))
    assert main(["fit", str(file), "--csv", "users,scripts,run", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["scalability"]
    assert (found["runs"], found["trials"]) == (3, 21)
    assert found["run_scatter"] == pytest.approx(0.075, rel=0.5)


def test_the_example_ladder_knows_the_server_that_it_was_measured_on(capsys: pytest.CaptureFixture[str]) -> None:
    """`examples/retrograde_sink.yaml`: a 0.03, b 0.002, N_max 22; g below 20/s, for the rest takes time too."""
    assert main(["fit", str(EXAMPLE), "--json"]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    found = json.loads(shown.out)
    throughput, latency = found["scalability"], found["latency"]
    assert (throughput["trials"], latency["trials"]) == (7, 5)
    assert throughput["curve"]["curve"] == "USL"
    for name, truth in (("a", 0.03), ("b", 0.002)):
        (one,) = (one for one in throughput["parameters"] if one["name"] == name)
        assert one["low"] <= truth <= one["high"]
    assert throughput["n_max"]["low"] <= (0.97 / 0.002) ** 0.5 <= throughput["n_max"]["high"]
    assert list(latency["quantiles"]) == ["p50", "p90", "p95", "p99"]
    assert latency["capacity"]["low"] < 173 < latency["capacity"]["high"]


def test_runs_that_are_no_trials_are_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    runs = sorted(EXAMPLE.glob("*-blast-*"))
    assert main(["fit", *map(str, runs[:6]), "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)) == ["scalability"]
    assert main(["fit", *map(str, runs[:3])]) == ExitCode.USAGE
    assert "hint: add trials at concurrency 8, 16" in capsys.readouterr().err
    assert main(["fit", str(tmp_path)]) == ExitCode.USAGE
    assert "holds no run" in capsys.readouterr().err


def test_every_wrong_cell_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "wrong.csv"
    file.write_text("rate,p99_ms\n10,fast\n0,12\n20\n30,13\n")
    assert main(["fit", str(file), "--csv", "rate,p99_ms"]) == ExitCode.USAGE
    assert capsys.readouterr().err.splitlines() == [
        f"{file}:2: p99_ms: 'fast' is not a number",
        f"{file}:3: rate: 0 is not a finite number above zero",
        f"{file}:4: p99_ms: the row ends before this column",
        "error: 3 problems in the table; nothing was fitted",
    ]


def test_a_column_that_is_not_there_is_named_with_the_nearest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", str(sdm91(tmp_path)), "--csv", "users,script"]) == ExitCode.USAGE
    assert "script: there is no such column (did you mean scripts?)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("columns", "complaint"),
    [("users", "names no two columns"), ("users,scripts,p99", "neither one throughput nor quantiles only")],
    ids=["one", "mixed"],
)
def test_columns_that_make_no_fit_are_refused(
    columns: str, complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", str(sdm91(tmp_path)), "--csv", columns]) == ExitCode.USAGE
    shown = capsys.readouterr().err
    assert complaint in shown
    assert "such as --csv concurrency,throughput" in shown


def test_too_few_trials_name_the_experiment(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "few.csv"
    file.write_text("n,x\n1,10\n2,19\n")
    assert main(["fit", str(file), "--csv", "n,x"]) == ExitCode.USAGE
    assert capsys.readouterr().err.splitlines()[-1] == "hint: add trials at concurrency 4, 8, 16"


def test_an_unknown_curve_is_a_usage_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", str(sdm91(tmp_path)), "--csv", "users,scripts", "--curve", "line"]) == ExitCode.USAGE
    assert "no curve is named 'line'" in capsys.readouterr().err
