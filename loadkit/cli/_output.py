"""What the command line prints: data on stdout, everything else on stderr."""

from __future__ import annotations

import json
import os
import sys
import traceback
from typing import TYPE_CHECKING, TextIO

from loadkit.errors import ExitCode, LoadkitError, ScenarioError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import RenderableType

PIPE_WIDTH = 100
"""Columns of a summary that goes to a file or a pipe."""

DEBUG_VARIABLE = "LOADKIT_DEBUG"


def print_data(text: str) -> None:
    """Print a result on stdout; a reader that went away, such as ``head``, is no error."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # Whatever Python flushes on its way out must have somewhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def print_json(value: object) -> None:
    """Print a result on stdout as JSON with readable indentation."""
    print_data(json.dumps(value, indent=2, ensure_ascii=False))


def print_summary(renderable: RenderableType) -> None:
    """Print a rich text on stdout: coloured on a terminal unless NO_COLOR is set, plain everywhere else."""
    print_data(_rendered(renderable, sys.stdout))


def print_rendered_note(renderable: RenderableType) -> None:
    """Tell the user a rich text on stderr."""
    print_note(_rendered(renderable, sys.stderr))


def as_text(renderable: RenderableType) -> str:
    """A rich text as plain text, as wide as in a pipe."""
    from io import StringIO

    return _rendered(renderable, StringIO())


def _rendered(renderable: RenderableType, stream: TextIO) -> str:
    from rich.console import Console

    console = Console(file=stream, width=None if stream.isatty() else PIPE_WIDTH, highlight=False)
    with console.capture() as capture:
        console.print(renderable)
    return "\n".join(line.rstrip() for line in capture.get().rstrip("\n").split("\n"))


def print_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print columns separated by two spaces on stdout, never cut short, so that pipes can pick fields."""
    lines = [tuple(header), *(tuple(row) for row in rows)]
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    print_data(
        "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
        )
    )


def print_note(text: str) -> None:
    """Tell the user something on stderr."""
    print(text, file=sys.stderr, flush=True)


def print_error(error: Exception) -> ExitCode:
    """Explain an error on stderr: all problems of a scenario, one sentence, a hint; a traceback only for debugging.

    Args:
        error: What ended the command.

    Returns:
        The exit code that belongs to it.
    """
    if os.environ.get(DEBUG_VARIABLE):
        traceback.print_exception(error)
    if isinstance(error, ScenarioError):
        for problem in error.problems:
            print_note(str(problem))
    if isinstance(error, LoadkitError):
        return _print_expected(str(error), error.hint, error.exit_code)
    if isinstance(error, OSError) and error.filename is not None:
        return _print_expected(f"{error.filename}: {error.strerror}", "", ExitCode.USAGE)
    return _print_expected(
        f"{type(error).__name__}: {error}",
        f"this is a bug in loadkit; run again with {DEBUG_VARIABLE}=1 to see where it happened",
        ExitCode.BUG,
    )


def _print_expected(message: str, hint: str, exit_code: ExitCode) -> ExitCode:
    print_note(f"error: {message}")
    if hint:
        print_note(f"hint: {hint}")
    return exit_code
