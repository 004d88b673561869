"""Errors: one root that carries an exit code and a hint, so that only the command line prints and exits."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class ExitCode(IntEnum):
    """What the process says about whose fault it was."""

    OK = 0
    BUG = 1
    USAGE = 2
    TARGET = 3
    INVALID = 4
    WORSE = 98
    THRESHOLDS = 99
    INTERRUPTED = 130
    TERMINATED = 143


class LoadkitError(Exception):
    """Root of every error that loadkit raises on purpose.

    Args:
        message: What happened, in one sentence.
        hint: What the reader can do about it; may be empty.
    """

    exit_code: ExitCode = ExitCode.BUG

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(LoadkitError):
    """The command line or an argument is wrong; nothing was sent."""

    exit_code = ExitCode.USAGE


class TargetError(LoadkitError):
    """The target can't be reached or is not allowed; nothing was sent."""

    exit_code = ExitCode.TARGET


class RunFolderError(LoadkitError):
    """A run folder is missing, incomplete beyond reading, or of an unknown schema version."""

    exit_code = ExitCode.USAGE


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with an input file.

    Args:
        message: What is wrong, in words.
        file: The file's name as the user gave it.
        line: Line from 1, or 0 where the file has no such line.
        key: Path of the key, such as ``load.stages[2].rate``.
        fix: What to write instead; may be empty.
    """

    message: str
    file: str = ""
    line: int = 0
    key: str = ""
    fix: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        head = ": ".join(part for part in (place, self.key, self.message) if part)
        return f"{head} ({self.fix})" if self.fix else head


class ScenarioError(LoadkitError):
    """A scenario is wrong; holds every problem found, not just the first.

    Args:
        problems: The problems in file order; at least one.
    """

    exit_code = ExitCode.USAGE
    place = "the scenario; nothing was sent"

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        count = len(problems)
        super().__init__(f"{count} problem{'s' if count != 1 else ''} in {self.place}")
        self.problems = problems


class ProfileError(ScenarioError):
    """A profile of a sink is wrong; holds every problem found, as for a scenario."""

    place = "the profile; the sink does not follow it"


class ProviderError(ScenarioError):
    """A provider's limit profile is wrong; holds every problem found, as for a scenario."""

    place = "the provider's limits; nothing was sent"


class PolicyError(ScenarioError):
    """A file of policies is wrong; holds every problem found, as for a scenario."""

    place = "the policies; nothing was forecast"


class TableError(ScenarioError):
    """A table of measurements is wrong; holds every problem found, as for a scenario."""

    place = "the table; nothing was fitted"


class CatalogError(ScenarioError):
    """A catalogue of prices is wrong; holds every problem found, as for a scenario."""

    place = "the catalogue; nothing was priced"


class CostTableError(ScenarioError):
    """A table of costs can't be read; holds every problem found, as for a scenario."""

    place = "the cost table; nothing was checked"
