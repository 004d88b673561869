"""`loadkit compare`: made-up run folders of known latencies, and ladders of known brackets."""

from __future__ import annotations

import dataclasses
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from support.recording import FACTS, arrivals, sample

from loadkit.analysis.evidence import Observation
from loadkit.analysis.goals import parse_goal
from loadkit.analysis.search import Search
from loadkit.analysis.search_trials import Finished, SearchSettings
from loadkit.cli._ladder import Ladder
from loadkit.cli.app import main
from loadkit.errors import ExitCode
from loadkit.measure.recorder import Recorder
from loadkit.measure.records import Batch, Gauges, OutcomeTable, RunPlan, Stage, Tx
from loadkit.measure.run_writer import RunWriter
from loadkit.measure.summary import summarize
from loadkit.smtp.outcome import Outcome, OutcomeClass, Phase

SECONDS, PER_S = 60, 50


@dataclasses.dataclass(frozen=True)
class MadeUp:
    """A run whose response times are log-normal, and of which every so many messages fail."""

    median_s: float = 0.05
    per_s: int = PER_S
    seconds: int = SECONDS
    fail_every: int = 0
    seed: int = 1
    subject: str = "a"
    cpu: float = 0.2
    grid_s: float = 1e-3

    def write(self, results: Path, name: str) -> str:
        plan = RunPlan("abcdefgh", ("note",), (Stage("hold", 0.0, float(self.seconds)),), True, 1.7e9 + self.seed)
        text = yaml.safe_dump({"scenario": "test", "messages": {"note": {"subject": self.subject}}, "load": {}})
        writer = RunWriter(results, replace(FACTS, plan=plan, thresholds=(), effective_text=text))
        outcomes = OutcomeTable()
        refused = outcomes.intern(Outcome(OutcomeClass.PERMANENT, Phase.DOT, 550, "5.7.1"))
        recorder, random = Recorder(plan, outcomes, writer), np.random.default_rng(self.seed)
        samples = []
        for second in range(self.seconds):
            recorder.add(self._second(second, refused, random))
            recorder.flush(second + 1.0)
            samples.append(sample(second + 1.0, cpu=self.cpu))
            writer.append_generator(samples[-1])
        recorder.finish(float(self.seconds))
        statistics, counts = recorder.statistics(), recorder.outcome_counts()
        summary = summarize(
            statistics, counts, samples, (), duration_s=float(self.seconds), interrupted=False, delivery=None
        )
        folder = writer.finish(summary, 0, 1.7e9 + 100, None)
        return str(folder.rename(results / name))

    def _second(self, second: int, refused: int, random: np.random.Generator) -> Batch:
        rows = np.full((self.per_s, len(Tx)), np.nan)
        number = second * self.per_s + np.arange(self.per_s)
        intended = second + np.arange(self.per_s) / self.per_s * 0.5
        # Few different values make a comparison fast.
        took = np.minimum(random.lognormal(np.log(self.median_s), 0.2, self.per_s), 0.4)
        took = np.round(took / self.grid_s) * self.grid_s
        rows[:, Tx.SEQ], rows[:, Tx.KIND], rows[:, Tx.STAGE] = number, 0, 0
        rows[:, Tx.OUTCOME] = refused * (number % self.fail_every == 0) if self.fail_every else 0
        for column in (Tx.INTENDED, Tx.RELEASED, Tx.STARTED):
            rows[:, column] = intended
        rows[:, Tx.COMPLETED], rows[:, Tx.DOT] = intended + took, took
        rows[:, Tx.SIZE_BYTES], rows[:, Tx.ATTEMPTS] = 1000, 1
        return Batch(Gauges(second + 1.0, 0, 3, 0), transactions=rows, offered=arrivals(rows))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Run folders by name."""
    results = tmp_path_factory.mktemp("results")
    made = {
        "before": MadeUp(),
        "same": MadeUp(seed=2),
        "slower": MadeUp(median_s=0.1, seed=3),
        "failing": MadeUp(fail_every=20, seed=4),
        "short": MadeUp(seconds=12, seed=5),
        "faster_rate": MadeUp(per_s=2 * PER_S, seed=6),
        "others": MadeUp(subject="b", seed=7),
        "busy": MadeUp(cpu=1.0, seed=8),
        "quick": MadeUp(median_s=0.0014, grid_s=1e-4, seed=9),
        "quicker": MadeUp(median_s=0.0009, grid_s=1e-4, seed=10),
    }
    return {name: one.write(results, name) for name, one in made.items()}


def compared(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, object], str]:
    """Exit code, what the comparison says as JSON by metric and figure, and what went to stderr."""
    code = main(["compare", *arguments, "--json"])
    shown = capsys.readouterr()
    found = json.loads(shown.out) if shown.out else {"comparisons": []}
    changes = {
        f"{change['metric']} {change['figure']}".strip(): change
        for one in found["comparisons"]
        for change in (
            *one["changes"],
            *([one["failed"] | {"metric": "failed", "figure": ""}] if one["failed"] else ()),
        )
    }
    return code, {"limits": found.get("limits", []), **changes}, shown.err


def test_twice_the_time_is_worse_by_so_much(runs: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    limits = ("--fail", "p(95):50%", "--fail", "dot p(50):150%", "--fail", "success:0.5%")
    code, found, _ = compared(capsys, runs["before"], runs["slower"], *limits)

    assert (code, ExitCode.WORSE.value) == (98, 98)
    for name in ("response_time p50", "service_time p95", "phase_dot p50"):
        change = found[name]
        assert isinstance(change, dict)
        assert change["outcome"] == "worse"
        assert change["low"] < 2 < change["high"] < 2.3
    judged = found["limits"]
    assert isinstance(judged, list)
    assert [one["judgement"] for one in judged] == ["worse by more", "not worse by more", "not worse by more"]


def test_runs_of_the_same_keep_the_limits(runs: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    code, found, _ = compared(capsys, runs["before"], runs["same"], "--fail", "p(95):10%", "--fail", "throughput:5%")

    assert code == 0
    assert {change["outcome"] for name, change in found.items() if name.endswith("p50")} <= {  # type: ignore[index]
        "no practical difference"
    }


def test_failed_messages_are_compared_by_their_share(runs: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    code, found, _ = compared(capsys, runs["before"], runs["failing"], "--fail", "success:1%")
    failed = found["failed"]

    assert code == ExitCode.WORSE
    assert isinstance(failed, dict)
    assert (failed["baseline"], failed["candidate"], failed["outcome"]) == (0, 0.05, "worse")
    assert 0.03 < failed["low"] < 0.05 < failed["high"] < 0.07
    assert compared(capsys, runs["failing"], runs["before"], "--fail", "success:1%")[0] == 0


def test_too_short_a_run_is_no_ground_for_a_claim(runs: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", runs["before"], runs["short"], "--fail", "p(95):5%"]) == ExitCode.INVALID
    shown = capsys.readouterr().out
    assert "too little data; needs 30s" in shown
    assert "? p(95):5% too little data to tell short 6 and 2 batches show no scatter" in " ".join(shown.split())


def test_words_fit_and_say_what_they_rest_on(runs: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", runs["before"], runs["slower"], runs["same"]]) == 0
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 100
    assert shown.startswith("slower beside the baseline before\n")
    assert "\nsame beside the baseline before\n" in shown
    assert "Intervals rest on 6 and 6 batches of 10s, and tell of these runs alone" in shown
    (row,) = [line.split() for line in shown.splitlines() if line.startswith("  response time")][:1]
    assert (row[2], row[-1]) == ("p50", "worse")


def test_three_runs_of_each_side_are_the_units(
    runs: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for side, sources in (("old", ("before", "same", "before")), ("new", ("slower", "slower", "slower"))):
        for number, source in enumerate(sources):
            shutil.copytree(runs[source], tmp_path / side / f"run-{number}")
    shutil.copytree(runs["busy"], tmp_path / "old" / "busy")

    assert main(["compare", str(tmp_path / "old"), str(tmp_path / "new")]) == 0
    shown = capsys.readouterr()
    assert "Intervals rest on 3 and 3 runs, and tell how much runs of the same differ." in shown.out
    assert shown.err == "left out: busy: its measurement is not valid\n"


@pytest.mark.parametrize(
    ("other", "complaint"),
    [
        ("faster_rate", "faster_rate: offered rate 50/s and 100/s"),
        ("others", "others: messages.note.subject a and b"),
        ("busy", "busy: its measurement is not valid"),
    ],
)
def test_what_is_no_match_is_refused(
    runs: dict[str, str], other: str, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", runs["before"], runs[other]]) == ExitCode.USAGE
    shown = capsys.readouterr()
    assert complaint in shown.err
    assert shown.out == ""


def test_another_load_is_compared_if_that_is_wanted(runs: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", runs["before"], runs["faster_rate"], "--anyway"]) == 0
    assert "Not set up alike: offered rate 50/s and 100/s." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("limit", "complaint"),
    [
        ("p(90):5%", "p(90) is not compared (one of p(50), p(95), p(99), p(99.9))"),
        ("p(95):5", "--fail 'p(95):5'"),
        ("dott p(95):5%", "did you mean dot?"),
        ("dot:5%", "dot needs a percentile"),
        ("success p(95):5%", "success has no percentiles"),
        ("soon", "'soon' is no limit"),
        ("success:100%", "no share that it may be worse by"),
        ("capacity:5%", "runs have no capacity"),
    ],
)
def test_a_wrong_limit_is_explained(
    runs: dict[str, str], limit: str, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", runs["before"], runs["same"], "--fail", limit]) == ExitCode.USAGE
    assert complaint in capsys.readouterr().err


def ladder(folder: Path, limit_per_s: float) -> str:
    """The folder of a finished search on a server that is slow above a rate."""
    folder.mkdir(parents=True)
    search = Search(SearchSettings((parse_goal("p(99) < 500ms"),), start_per_s=100))
    while not isinstance(trial := search.next_action(), Finished):
        slow = 300 * (trial.rate_per_s > limit_per_s)
        search = search.with_trial(trial, Observation((3000,) * 10, (0,) * 10, ((slow,) * 10,), (5.0,) * 10))
    Ladder(folder, "test", (), (), search).saved(search, "complete")
    return str(folder)


def test_capacities_are_compared_by_their_brackets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, after = ladder(tmp_path / "before", 700), ladder(tmp_path / "after", 500)
    code, found, _ = compared(capsys, before, after, "--fail", "capacity:10%")
    capacity = found["capacity p(99) < 500ms"]

    assert code == ExitCode.WORSE
    assert isinstance(capacity, dict)
    assert capacity["low"] < 5 / 7 < capacity["high"] < 0.8
    assert capacity["outcome"] == "worse"
    assert compared(capsys, after, before, "--fail", "capacity:10%")[0] == 0
    assert main(["compare", before, after]) == 0
    assert "Intervals are those of one search each" in capsys.readouterr().out


def test_runs_are_no_match_for_searches(
    runs: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", runs["before"], ladder(tmp_path / "search", 700)]) == ExitCode.USAGE
    assert "runs can't be compared with searches" in capsys.readouterr().err
    assert main(["compare", runs["before"]]) == ExitCode.USAGE
    assert "at least one other" in capsys.readouterr().err


def test_half_a_millisecond_is_no_difference(runs: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    code, found, _ = compared(capsys, runs["quicker"], runs["quick"], "--fail", "dot p(50):10%")
    change = found["phase_dot p50"]

    assert isinstance(change, dict)
    assert change["low"] > 1.3
    assert change["outcome"] == "no practical difference"
    assert code == 0


CATALOG = """\
catalog: offer
currency: CNY
region: cn-hangzhou
sources:
  quote: {text: our quote, grade: A, as_of: 2026-11-01}
  blog: {text: a blog, grade: C, as_of: undated}
instance_types:
  small: {family: s, vcpus: 2, memory: 4GiB, hourly: {amount: 0.6, unit: Hours, source: quote}}
  large: {family: s, vcpus: 4, memory: 8GiB, hourly: {amount: 1.2, unit: Hours, source: quote}}
  guess: {family: s, vcpus: 4, memory: 8GiB, hourly: {amount: 1.2, unit: Hours, source: blog}}
  unpriced: {family: s, vcpus: 8, memory: 16GiB}
"""


@pytest.fixture
def catalog(tmp_path: Path) -> str:
    (tmp_path / "offer.yaml").write_text(CATALOG)
    return str(tmp_path / "offer.yaml")


def test_searches_with_prices_say_what_a_million_messages_cost(
    tmp_path: Path, catalog: str, capsys: pytest.CaptureFixture[str]
) -> None:
    sides = (ladder(tmp_path / "before", 500), ladder(tmp_path / "after", 700))
    _, found, _ = compared(capsys, *sides, "--catalog", catalog, "--price", "small", "--price", "large")
    capacity, cost = found["capacity p(99) < 500ms"], found["cost_per_million p(99) < 500ms"]

    assert isinstance(capacity, dict)
    assert isinstance(cost, dict)
    assert cost["baseline"] == pytest.approx(0.6 / 3600 * 1e6 / capacity["baseline"])
    assert cost["candidate"] == pytest.approx(1.2 / 3600 * 1e6 / capacity["candidate"])
    assert (cost["low"], cost["high"]) == pytest.approx((2 / capacity["high"], 2 / capacity["low"]))
    assert cost["low"] < 2 * 500 / 700 < cost["high"]
    assert (capacity["outcome"], cost["outcome"]) == ("better", "worse")


def test_a_doubtful_price_makes_a_cost_less_sure(
    tmp_path: Path, catalog: str, capsys: pytest.CaptureFixture[str]
) -> None:
    sides = (ladder(tmp_path / "before", 500), ladder(tmp_path / "after", 950))
    outcomes, spans = [], []
    for other in ("large", "guess"):
        _, found, _ = compared(capsys, *sides, "--catalog", catalog, "--price", "small", "--price", other)
        cost = found["cost_per_million p(99) < 500ms"]
        assert isinstance(cost, dict)
        outcomes.append(cost["outcome"])
        spans.append((cost["low"], cost["high"]))
    assert spans[1] == pytest.approx((0.85 * spans[0][0], 1.15 * spans[0][1]))
    assert outcomes[1] == "undecided"

    assert main(["compare", *sides, "--catalog", catalog, "--price", "small", "--price", "guess"]) == 0
    shown = capsys.readouterr().out
    assert "a million cost" in shown
    assert "0.6 CNY an hour  grade A, may be 0% off; as of 2026-11-01; our quote" in shown
    assert "1.2 CNY an hour  grade C, may be 15% off; undated; a blog" in shown
    assert max(map(len, shown.splitlines())) <= 100


@pytest.mark.parametrize(
    ("prices", "complaint"),
    [
        (["small"], "1 --price for 2 sides"),
        (["small", "lage"], "has no instance type 'lage'\nhint: did you mean large?"),
        (["small", "unpriced"], "has no hourly price of unpriced"),
    ],
)
def test_prices_that_tell_nothing_are_refused(
    prices: list[str], complaint: str, tmp_path: Path, catalog: str, capsys: pytest.CaptureFixture[str]
) -> None:
    sides = (ladder(tmp_path / "before", 500), ladder(tmp_path / "after", 700))
    options = [option for one in prices for option in ("--price", one)]
    assert main(["compare", *sides, "--catalog", catalog, *options]) == ExitCode.USAGE
    assert complaint in capsys.readouterr().err


def test_runs_have_no_cost(runs: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    prices = ("--price", "ecs.c8i.large", "--price", "ecs.g8i.large")
    assert main(["compare", runs["before"], runs["quick"], "--anyway", *prices]) == ExitCode.USAGE
    assert "a run's rate is what it was offered" in capsys.readouterr().err
