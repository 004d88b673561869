"""`loadkit report`: show runs and searches again, as text, pages, JSON, or what continuous integration reads."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loadkit.cli._options import DEFAULT_RESULTS, AsJson, Lang, Language, ResultsDir
from loadkit.cli._output import as_text, print_data, print_json, print_note, print_summary
from loadkit.errors import RunFolderError, UsageError

if TYPE_CHECKING:
    from loadkit.cli._reported import Reported
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
    from loadkit.cli._reported import reported

    found = reported([find_run(run, results_dir) for run in runs])
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


def _write(found: Reported, form: Form, output: Path | None, t: Words) -> None:
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


def _text_of(found: Reported, form: Form, t: Words) -> str:
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


def _place(found: Reported, form: Form) -> Path:
    from loadkit.report.junit import FILE as JUNIT_FILE

    if found.folder is None:
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
