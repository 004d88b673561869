"""What `loadkit report` was asked for, as whatever it is to be: runs, or a ladder of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from loadkit.cli._output import print_note
from loadkit.errors import UsageError
from loadkit.measure.store import Run, open_run, rebuild_summary

if TYPE_CHECKING:
    from rich.console import RenderableType

    from loadkit.cli._ladder import Ladder
    from loadkit.measure.summary import Summary
    from loadkit.report.page import Page
    from loadkit.report.words import Words


class Reported(Protocol):
    """Something that reports are made of."""

    @property
    def folder(self) -> Path | None:
        """Its folder; None where it has several."""

    def as_json(self) -> Any:
        """As plain JSON values."""

    def rendered(self) -> list[RenderableType]:
        """As rich texts."""

    def page(self, t: Words) -> Page:
        """As a page."""

    def junit(self) -> str:
        """As JUnit XML."""

    def markdown(self, t: Words) -> str:
        """As Markdown."""


def reported(folders: Sequence[Path]) -> Reported:
    """What folders hold.

    Raises:
        UsageError: If there is more than one ladder, or one among runs.
        LoadkitError: If a folder is damaged.
    """
    from loadkit.cli._ladder_report import is_ladder

    ladders = [folder for folder in folders if is_ladder(folder)]
    if not ladders:
        return ReportedRuns(tuple((run, _summary_of(run)) for run in map(open_run, folders)))
    if len(folders) > 1:
        raise UsageError(f"{ladders[0]} holds several runs", hint="a report has several runs, or one ladder")
    return ReportedLadder(ladders[0])


def _summary_of(run: Run) -> Summary:
    if run.head.complete:
        return run.summary
    print_note("this run was cut short; its summary is rebuilt from what it had written")
    return rebuild_summary(run)


@dataclass(frozen=True, slots=True)
class ReportedRuns:
    """Runs.

    Args:
        runs: At least one, with what they came to.
    """

    runs: tuple[tuple[Run, Summary], ...]

    @property
    def folder(self) -> Path | None:
        """The folder of a single run."""
        return self.runs[0][0].head.path if len(self.runs) == 1 else None

    def as_json(self) -> Any:
        """The summary of one run, or a list of several."""
        told = [summary.to_dict() for _, summary in self.runs]
        return told[0] if len(told) == 1 else told

    def rendered(self) -> list[RenderableType]:
        """The summaries."""
        from loadkit.report.text import render_summary

        return [render_summary(summary, run.head) for run, summary in self.runs]

    def page(self, t: Words) -> Page:
        """A chapter for each run."""
        from loadkit.report.run_page import run_page

        return run_page([run for run, _ in self.runs], t)

    def junit(self) -> str:
        """A suite for each run."""
        from loadkit.report.junit import render_junit, suite_of

        return render_junit([suite_of(run.head, summary) for run, summary in self.runs])

    def markdown(self, t: Words) -> str:
        """The runs one below the other."""
        from loadkit.report.markdown import render_markdown

        return "\n".join(render_markdown(run.head, summary, t) for run, summary in self.runs)


@dataclass(frozen=True, slots=True)
class ReportedLadder:
    """A search for capacity, or a folder of runs.

    Args:
        folder: Its folder.
    """

    folder: Path

    def as_json(self) -> Any:
        """The search's state; of other runs what they are as trials."""
        import dataclasses

        from loadkit.cli._ladder import LADDER_FILE, open_ladder
        from loadkit.measure.ladder import read_ladder

        if (self.folder / LADDER_FILE).is_file():
            return open_ladder(self.folder).to_dict()
        return dataclasses.asdict(read_ladder([self.folder]))

    def rendered(self) -> list[RenderableType]:
        """Trials and brackets."""
        from loadkit.report.capacity import render_results, render_trials

        search = self._ladder().search
        return [render_trials(search), render_results(search)]

    def page(self, t: Words) -> Page:
        """Brackets, trials, curves, demands."""
        from loadkit.cli._ladder_report import ladder_view
        from loadkit.report.ladder_page import ladder_page

        return ladder_page(ladder_view(self.folder), t)

    def junit(self) -> str:
        """A test case for each goal."""
        from loadkit.report.junit import render_junit, suite_of_search

        ladder = self._ladder()
        return render_junit([suite_of_search(self.folder.name, ladder.scenario, ladder.search)])

    def markdown(self, t: Words) -> str:
        """Brackets, trials and what would tell most."""
        from loadkit.report.markdown import page_markdown

        return page_markdown(self.page(t), ("capacity", "trials", "demand", "next"))

    def _ladder(self) -> Ladder:
        from loadkit.cli._ladder import LADDER_FILE, open_ladder

        if not (self.folder / LADDER_FILE).is_file():
            raise UsageError(f"{self.folder} holds runs of no search", hint="--type html shows them, loadkit fit too")
        return open_ladder(self.folder)
