"""A run as JUnit XML, which continuous integration shows: a test case for each threshold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from loadkit.report.thresholds import observed, unobserved

if TYPE_CHECKING:
    from loadkit.analysis.search import Search
    from loadkit.measure.store import RunHead
    from loadkit.measure.summary import Summary, ThresholdLine

FILE = "junit.xml"
_HEAD = '<?xml version="1.0" encoding="utf-8"?>\n'


@dataclass(frozen=True, slots=True)
class Case:
    """A test case.

    Args:
        name: What was demanded.
        wrong: How it was missed; empty where it was not.
        broken: Whether nothing could be told of it.
    """

    name: str
    wrong: str = ""
    broken: bool = False


@dataclass(frozen=True, slots=True)
class Suite:
    """The test cases of a run or a search.

    Args:
        name: What it is called.
        group: What test cases are sorted by.
        cases: The cases.
        duration_s: How long it took.
        started_at: Unix time; None where it is not known.
    """

    name: str
    group: str
    cases: tuple[Case, ...]
    duration_s: float
    started_at: float | None


def suite_of(head: RunHead, summary: Summary) -> Suite:
    """A run's thresholds, its validity, and whether what arrived is what was accepted, as test cases."""
    group = f"loadkit.{head.scenario}"
    return Suite(head.name, group, tuple(_cases(summary)), summary.duration_s, head.started_at)


def _cases(summary: Summary) -> Iterator[Case]:
    reasons = "; ".join(map(str, summary.validity.reasons))
    yield Case("the measurement is valid", reasons, broken=True)
    yield from map(_threshold, summary.thresholds)
    if summary.ledger is not None:
        counts = {name: getattr(summary.ledger, name) for name in ("lost", "duplicated", "corrupted", "unexpected")}
        wrong = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)
        yield Case("what arrived is what was accepted", wrong)


def suite_of_search(name: str, scenario: str, search: Search) -> Suite:
    """The goals of a search for capacity as test cases: met where a rate was found that surely meets them."""
    from loadkit.report.capacity import bracket  # noqa: PLC0415 - brings scipy, which runs do without

    cases = (
        Case(
            result.goal.text,
            "" if result.lower_per_s is not None else bracket(result),
            broken=result.upper_per_s is None,
        )
        for result in search.results()
    )
    return Suite(name, f"loadkit.{scenario}", tuple(cases), search.took_s, None)


def _threshold(line: ThresholdLine) -> Case:
    name = f"{line.metric}: {line.check}"
    if line.passed:
        return Case(name)
    return Case(name, unobserved(line) if line.observed is None else f"was {observed(line)}")


def render_junit(suites: Sequence[Suite]) -> str:
    """Suites as a JUnit XML document."""
    root = ET.Element("testsuites", _totals([case for suite in suites for case in suite.cases]))
    for suite in suites:
        _add(root, suite)
    ET.indent(root)
    return _HEAD + ET.tostring(root, encoding="unicode") + "\n"


def _add(root: ET.Element, suite: Suite) -> None:
    facts = {"name": _plain(suite.name), "time": f"{suite.duration_s:.3f}"}
    if suite.started_at is not None:
        facts["timestamp"] = f"{datetime.fromtimestamp(suite.started_at, UTC):%Y-%m-%dT%H:%M:%S}"
    element = ET.SubElement(root, "testsuite", facts | _totals(suite.cases))
    for case in suite.cases:
        one = ET.SubElement(element, "testcase", classname=_plain(suite.group), name=_plain(case.name), time="0")
        if case.wrong:
            ET.SubElement(one, "error" if case.broken else "failure", message=_plain(case.wrong))


def _totals(cases: Sequence[Case]) -> dict[str, str]:
    wrong = [case for case in cases if case.wrong]
    errors = sum(case.broken for case in wrong)
    counts = {"tests": len(cases), "failures": len(wrong) - errors, "errors": errors, "skipped": 0}
    return {name: str(count) for name, count in counts.items()}


def _plain(text: str) -> str:
    """A text without the control characters that XML does not have."""
    return "".join(character if character.isprintable() else " " for character in text)
