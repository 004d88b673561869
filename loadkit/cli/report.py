"""`loadkit report`: show runs and searches again, as text, pages, JSON, or what continuous integration reads."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from loadkit.cli._options import DEFAULT_RESULTS, AsJson, ResultsDir
from loadkit.cli._output import as_text, print_data, print_json, print_note, print_summary
from loadkit.errors import RunFolderError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from loadkit.measure.store import Run
    from loadkit.measure.summary import Summary
    from loadkit.report.page import Page
    from loadkit.report.words import Words

EXAMPLES = """\
  loadkit report latest
  loadkit report latest --type html --lang zh"""

LATEST = "latest"
PAGE_FILE = "report.html"
STEP_SUMMARY = "GITHUB_STEP_SUMMARY"


class Form(StrEnum):
    """What a report can be."""

    TEXT = "text"
    HTML = "html"
    JSON = "json"
    JUNIT = "junit"
    GITHUB = "github"
    MD = "md"


class Language(StrEnum):
    """Languages of pages and Markdown."""

    EN = "en"
    ZH = "zh"


Lang = Annotated[Language, typer.Option(help="Language of pages and Markdown.")]


def report(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN...", help="Folders of runs or searches for capacity, names of runs in the results, or latest."
        ),
    ],
    *,
    form: Annotated[
        Form,
        typer.Option(
            "--type", help="What it is to be. github is Markdown that goes to $GITHUB_STEP_SUMMARY where that is set."
        ),
    ] = Form.TEXT,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Write it here; html and junit of one run go into its folder."
        ),
    ] = None,
    lang: Lang = Language.EN,
    results_dir: ResultsDir = DEFAULT_RESULTS,
    as_json: AsJson = False,
) -> None:
    """Show runs, and searches for capacity, again.

    A page (--type html) has everything in it and needs no network; several runs stand in one page. The summary of a
    run that was cut short is rebuilt from what it had written by then.
    """
    found = _Found.of([find_run(run, results_dir) for run in runs])
    wanted = Form.JSON if as_json else form
    if wanted is Form.JSON and output is None:
        print_json(found.as_json())
    elif wanted is Form.TEXT and output is None:
        for renderable in found.rendered():
            print_summary(renderable)
    else:
        _write(found, wanted, output, _words(lang))


def _words(lang: Language) -> Words:
    from loadkit.report.words import Words

    return Words(lang.value)


@dataclass(frozen=True, slots=True)
class _Found:
    """What was named: runs, or one search.

    Args:
        folder: The first folder.
        runs: Runs with their summaries.
    """

    folder: Path
    runs: tuple[tuple[Run, Summary], ...]

    @classmethod
    def of(cls, folders: Sequence[Path]) -> _Found:
        from loadkit.measure.store import open_run

        opened = [open_run(folder) for folder in folders]
        return cls(folders[0], tuple((run, _summary_of(run)) for run in opened))

    def as_json(self) -> Any:
        """One object for one, a list for several."""
        told = [summary.to_dict() for _, summary in self.runs]
        return told[0] if len(told) == 1 else told

    def rendered(self) -> list[RenderableType]:
        """As rich texts."""
        from loadkit.report.text import render_summary

        return [render_summary(summary, run.head) for run, summary in self.runs]

    def page(self, t: Words) -> Page:
        """As a page."""
        from loadkit.report.run_page import run_page

        return run_page([run for run, _ in self.runs], t)

    def junit(self) -> str:
        """As JUnit XML."""
        from loadkit.report.junit import render_junit, suite_of

        return render_junit([suite_of(run.head, summary) for run, summary in self.runs])

    def markdown(self, t: Words) -> str:
        """As Markdown."""
        from loadkit.report.markdown import render_markdown

        return "\n".join(render_markdown(run.head, summary, t) for run, summary in self.runs)


def _write(found: _Found, form: Form, output: Path | None, t: Words) -> None:
    """Write a report to a file, or to stdout where it is no file by nature."""
    text = _text_of(found, form, t)
    if output is None and form is Form.GITHUB and (summary := os.environ.get(STEP_SUMMARY)):
        with Path(summary).open("a", encoding="utf-8") as steps:
            steps.write(text + "\n")
        print_note(f"added to {summary}")
        return
    if output is None and form in (Form.MD, Form.GITHUB):
        print_data(text.rstrip("\n"))
        return
    path = output or _place(found, form)
    path.write_text(text, encoding="utf-8")
    print_data(str(path))


def _text_of(found: _Found, form: Form, t: Words) -> str:
    if form is Form.HTML:
        from loadkit.report.page import render_page

        return render_page(found.page(t))
    if form is Form.JUNIT:
        return found.junit()
    if form is Form.JSON:
        import json

        return json.dumps(found.as_json(), indent=2, ensure_ascii=False) + "\n"
    if form is Form.TEXT:
        return "\n\n".join(map(as_text, found.rendered())) + "\n"
    return found.markdown(t)


def _place(found: _Found, form: Form) -> Path:
    from loadkit.report.junit import FILE as JUNIT_FILE

    if len(found.runs) > 1:
        raise UsageError(f"several runs make one {form.value} file", hint="say where: -o FILE")
    return found.folder / (PAGE_FILE if form is Form.HTML else JUNIT_FILE)


def find_run(wanted: str, results_dir: Path) -> Path:
    """The folder of a run.

    Args:
        wanted: A path, the name of a folder in the results, or ``latest``.
        results_dir: Folder that holds the runs.

    Raises:
        RunFolderError: If there is none.
    """
    from loadkit.measure.store import list_runs

    if wanted == LATEST:
        heads = list_runs(results_dir)
        if not heads:
            raise RunFolderError(f"there is no run in {results_dir}", hint="make one: loadkit run smoke")
        return heads[-1].path
    for path in (Path(wanted), results_dir / wanted):
        if path.is_dir():
            return path
    raise RunFolderError(f"there is no run {wanted!r}", hint=f"loadkit list --results {results_dir} shows them")


def _summary_of(run: Run) -> Summary:
    from loadkit.measure.store import rebuild_summary

    if run.head.complete:
        return run.summary
    print_note("this run was cut short; its summary is rebuilt from what it had written")
    return rebuild_summary(run)
