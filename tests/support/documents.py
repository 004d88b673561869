"""Pages of documentation that hold: their Python runs, their commands exist or run, and what they show comes out.

On a page in Markdown, in the order of the page and in a folder of its own that holds ``results/example``:

- A block in any language with ``title="name"`` is written to that file first.
- A ``python`` block runs, all of a page in one namespace. What it prints must stand in a ``text`` block right after it.
  A block with ``>>>`` is tried as a doctest.
- A ``console`` block has commands after ``$``. Every ``loadkit`` command must exist with its options. After the line
  ``<!-- run -->`` its commands run in this process, and where output is shown, it must come out. ``> file`` and
  ``echo $?`` are understood; a command that nothing asks for its code must end with 0.
- ``<!-- no run -->`` before a ``python`` block leaves it at being compiled.

In shown output ``...`` stands for anything.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import re
import shlex
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path

import typer

from loadkit.cli.app import app, main

RUN, NO_RUN = "<!-- run -->", "<!-- no run -->"
DRIVES = {"run", "blast", "capacity", "sink", "worker", "preflight"}
"""Verbs that can't run within a test's process."""

_FENCE = "```"
_TITLE = re.compile(r'title="([^"]+)"')
_OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


class PageError(AssertionError):
    """A page says what is not so."""


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Args:
        language: What stands after the fence.
        title: The file that it is, or empty.
        text: What is in it.
        line: The number of its first line.
        mark: `RUN`, `NO_RUN` or empty.
    """

    language: str
    title: str
    text: str
    line: int
    mark: str


def blocks_of(page: str) -> list[Block]:
    """The fenced blocks of a page.

    Raises:
        PageError: If a fence has a word that the site's Markdown does not take.
    """
    return list(_blocks(page))


def _blocks(page: str) -> Iterator[Block]:
    lines = page.splitlines(keepends=True)
    above, opened = "", -1
    for number, line in enumerate(lines):
        if opened < 0 and line.startswith(_FENCE):
            opened = number
        elif opened >= 0 and line.rstrip() == _FENCE:
            language, title = _info(lines[opened], opened + 1)
            text = "".join(lines[opened + 1 : number])
            yield Block(language, title, text, opened + 2, above if above in (RUN, NO_RUN) else "")
            opened, above = -1, ""
        elif opened < 0 and line.strip():
            above = line.strip()


def _info(line: str, number: int) -> tuple[str, str]:
    language, _, rest = line.removeprefix(_FENCE).strip().partition(" ")
    title = _TITLE.search(rest)
    if any("=" not in word for word in shlex.split(rest)):
        raise PageError(f"line {number}: {rest!r} keeps a fence from being shown as one; write {RUN} before it")
    return language, title[1] if title else ""


@dataclass
class Page:
    """A page that is tried.

    Args:
        text: The page.
        folder: Where files are written and commands run; the working directory.
        namespace: What its Python has defined.
    """

    text: str
    folder: Path
    namespace: dict[str, object] = field(default_factory=lambda: {"__name__": "page"})

    def hold(self) -> int:
        """Try every block; gives how many were run or checked.

        Raises:
            PageError: If one of them does not hold; names its line.
        """
        blocks = blocks_of(self.text)
        tried = 0
        for block, after in zip_longest(blocks, blocks[1:]):
            if block.title:
                (self.folder / block.title).parent.mkdir(parents=True, exist_ok=True)
                (self.folder / block.title).write_text(block.text, encoding="utf-8")
            if block.language == "python":
                self._python(block, after)
            elif block.language == "console":
                _console(block)
            tried += block.language in ("python", "console")
        return tried

    def _python(self, block: Block, after: Block | None) -> None:
        if ">>>" in block.text:
            return self._doctest(block)
        code = compile("\n" * (block.line - 1) + block.text, "page", "exec")
        if block.mark == NO_RUN:
            return None
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), _at(block.line):
            exec(code, self.namespace)
        shown = after.text if after is not None and after.language == "text" else ""
        return _expect(shown, printed.getvalue(), block.line)

    def _doctest(self, block: Block) -> None:
        parsed = doctest.DocTestParser().get_doctest(block.text, self.namespace, "page", "page", block.line - 1)
        # The parser copies the namespace, and the next block is to see what this one defines.
        parsed.globs = self.namespace
        report = io.StringIO()
        failed, _ = doctest.DocTestRunner(optionflags=_OPTIONS, verbose=False).run(
            parsed, out=report.write, clear_globs=False
        )
        if failed:
            raise PageError(report.getvalue())


@contextlib.contextmanager
def _at(line: int) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise PageError(f"block at line {line}: {type(error).__name__}: {error}") from error


def _expect(shown: str, printed: str, line: int) -> None:
    if not doctest.OutputChecker().check_output(shown, printed, _OPTIONS):
        raise PageError(f"block at line {line} shows\n{shown}\nand there came\n{printed}")


@dataclass
class Command:
    """A line after ``$``, with what is shown below it."""

    line: str
    shown: str = ""


def commands_of(block: Block) -> list[Command]:
    """The commands of a console block; a backslash joins lines."""
    commands: list[Command] = []
    joined = block.text.replace("\\\n", " ")
    for line in joined.splitlines(keepends=True):
        if line.startswith("$ "):
            commands.append(Command(line[2:].strip()))
        elif commands:
            commands[-1].shown += line
    return commands


def _console(block: Block) -> None:
    commands = commands_of(block)
    for command in commands:
        for arguments in loadkit_calls(command.line):
            check_call(arguments, block.line)
    if block.mark != RUN:
        return
    code = 0
    for command, after in zip_longest(commands, commands[1:]):
        if command.line == "echo $?":
            _expect(command.shown, f"{code}\n", block.line)
            continue
        code, output = run_call(command.line)
        asked = after is not None and after.line == "echo $?"
        if code and not asked:
            raise PageError(f"block at line {block.line}: {command.line} ends with {code}:\n{output}")
        if command.shown.strip():
            _expect(command.shown, output, block.line)


def loadkit_calls(line: str) -> list[list[str]]:
    """The arguments of every loadkit command in a line of a shell."""
    words = shlex.shlex(line, posix=True, punctuation_chars=True)
    words.whitespace_split = True
    words.commenters = "#"
    calls: list[list[str]] = [[]]
    for word in words:
        if set(word) <= set("();<>|&"):
            calls.append([])
        else:
            calls[-1].append(word)
    return [call[1:] for call in calls if call and Path(call[0]).name == "loadkit"]


def check_call(arguments: list[str], line: int) -> None:
    """Check that a command exists, and every option of it.

    Raises:
        PageError: If not.
    """
    command: typing.Any = typer.main.get_command(app)
    words = list(arguments)
    while words and hasattr(command, "commands") and not words[0].startswith("-"):
        verb = words.pop(0)
        if verb not in command.commands:
            raise PageError(f"block at line {line}: there is no command loadkit {' '.join(arguments)}")
        command = command.commands[verb]
    known = {"-h", "--help", *(name for one in command.params for name in (*one.opts, *one.secondary_opts))}
    unknown = [word for word in words if word.startswith("--") and word.partition("=")[0] not in known]
    if unknown:
        raise PageError(f"block at line {line}: loadkit {arguments[0]} has no {' and no '.join(unknown)}")


def run_call(line: str, run: Callable[[list[str]], int] = main) -> tuple[int, str]:
    """Run a loadkit command in this process; gives its exit code, and what it wrote on both streams.

    Raises:
        PageError: If it is none, drives load, or has more to it than ``> file``.
    """
    command, _, file = line.partition(" > ")
    calls = loadkit_calls(command)
    if len(calls) != 1 or shlex.split(command, comments=True)[1:] != calls[0]:
        raise PageError(f"not a single loadkit command: {line}")
    if calls[0][0] in DRIVES:
        raise PageError(f"a test can't run what drives load in its own process: {line}")
    output, written = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(written if file else output), contextlib.redirect_stderr(output):
        code = run(calls[0])
    if file:
        Path(file.split()[0]).write_text(written.getvalue(), encoding="utf-8")
    return code, output.getvalue()
