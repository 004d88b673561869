"""Scenario files: YAML to `Scenario` with every problem named by file, line and key, and back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from loadkit.scenario.document import read_document
from loadkit.scenario.includes import with_includes
from loadkit.scenario.mix import content_findings
from loadkit.scenario.overrides import with_overrides
from loadkit.scenario.reading import build_model, read_model, read_text
from loadkit.scenario.schema import Scenario

if TYPE_CHECKING:
    from collections.abc import Iterable


def load_scenario(path: Path | str, *, overrides: Iterable[str] = ()) -> Scenario:
    """Read a scenario file and the files that it includes; a corpus in a file is relative to it.

    Args:
        path: The file.
        overrides: Values given anew, such as ``load.stages.hold.rate=300/s``; see `with_overrides`.

    Raises:
        UsageError: If the file can't be read.
        ScenarioError: With every problem in it, in what it includes and in the overrides.
    """
    document = read_document(read_scenario_text(path), str(path))
    document = with_includes(document, Path(path), Scenario)
    document = with_overrides(document, overrides, Scenario)
    return build_model(Scenario, document, context=Path(path).resolve().parent, further=content_findings)


def read_scenario_text(path: Path | str) -> str:
    """The text of a scenario file.

    Raises:
        UsageError: If the file is missing, unreadable, too long or not UTF-8.
    """
    return read_text(path, "scenario")


def parse_scenario(text: str, file: str = "<text>", *, base: Path | None = None) -> Scenario:
    """Read a scenario from YAML text.

    Args:
        text: The YAML.
        file: Name of its source, for messages.
        base: Directory that a corpus is relative to; the current one if None.

    Raises:
        ScenarioError: With every problem in it.
    """
    return read_model(Scenario, text, file, context=base, further=content_findings)


def dump_effective(scenario: Scenario) -> str:
    """YAML of a scenario with every default written out; it loads again to an equal scenario."""
    plain = scenario.model_dump(by_alias=True, exclude_none=True, mode="json")
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=100)
