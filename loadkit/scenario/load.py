"""Scenario files: YAML to `Scenario` with every problem named by file, line and key, and back."""

from __future__ import annotations

from pathlib import Path

import yaml

from loadkit.scenario.mix import content_findings
from loadkit.scenario.reading import read_model, read_text
from loadkit.scenario.schema import Scenario


def load_scenario(path: Path | str) -> Scenario:
    """Read a scenario file; a corpus in it is relative to the file.

    Raises:
        UsageError: If the file can't be read.
        ScenarioError: With every problem in it.
    """
    return parse_scenario(read_scenario_text(path), file=str(path), base=Path(path).resolve().parent)


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
