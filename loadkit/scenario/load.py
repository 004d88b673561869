"""Scenario files: YAML to `Scenario` with every problem named by file, line and key, and back."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from loadkit.errors import Problem, ScenarioError, UsageError
from loadkit.scenario.document import MAX_TEXT_BYTES, Document, Slip, read_document
from loadkit.scenario.findings import Finding, FindingsError, KeyPath, suggest
from loadkit.scenario.mix import content_findings
from loadkit.scenario.schema import Scenario

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pydantic_core import ErrorDetails

_MAX_SHOWN = 300

# Pydantic's error types in our words; braces take the error's own context.
_WORDS = {
    "missing": "is missing",
    "extra_forbidden": "is not a known key",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "string_type": "must be text",
    "string_too_long": "must be at most {max_length} characters long",
    "model_type": "must be a block of keys",
    "dict_type": "must be a block of keys",
    "tuple_type": "must be a list",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "finite_number": "must be a finite number",
    "literal_error": "is not possible here",
    "too_short": "must have at least {min_length} entry",
    "too_long": "must have at most {max_length} entries",
}


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
    try:
        with Path(path).open("rb") as stream:
            raw = stream.read(MAX_TEXT_BYTES + 1)
    except OSError as error:
        raise UsageError(f"can't read {path}: {error.strerror}", hint="give the path of a scenario file") from error
    if len(raw) > MAX_TEXT_BYTES:
        raise UsageError(f"{path} is longer than {MAX_TEXT_BYTES // 1024} KiB", hint="it is no scenario file")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 text", hint="save it as UTF-8") from error


def parse_scenario(text: str, file: str = "<text>", *, base: Path | None = None) -> Scenario:
    """Read a scenario from YAML text.

    Args:
        text: The YAML.
        file: Name of its source, for messages.
        base: Directory that a corpus is relative to; the current one if None.

    Raises:
        ScenarioError: With every problem in it.
    """
    document = read_document(text)
    if document.data is None:
        raise ScenarioError(_problems(file, document, ()))
    scenario, findings = _validate(document.data, base)
    problems = _problems(file, document, findings)
    if scenario is None or problems:
        raise ScenarioError(problems)
    return scenario


def dump_effective(scenario: Scenario) -> str:
    """YAML of a scenario with every default written out; it loads again to an equal scenario."""
    plain = scenario.model_dump(by_alias=True, exclude_none=True, mode="json")
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=100)


def _validate(data: object, base: Path | None) -> tuple[Scenario | None, list[Finding]]:
    try:
        scenario = Scenario.model_validate(data, context=base)
    except ValidationError as error:
        return None, [finding for details in error.errors() for finding in _findings_of(details)]
    return scenario, list(content_findings(scenario))


def _problems(file: str, document: Document, findings: Iterable[Finding]) -> tuple[Problem, ...]:
    slips = list(document.slips)
    # What could not be read properly is not judged a second time.
    misread = {slip.key for slip in slips if slip.key}
    slips += [
        Slip(document.line_of(finding.key), finding.message, finding.key, finding.fix)
        for finding in findings
        if misread.isdisjoint(finding.key[:length] for length in range(1, len(finding.key) + 1))
    ]
    slips.sort(key=lambda slip: slip.line)
    return tuple(
        Problem(_abridge(slip.message), file, slip.line, _abridge(_show_key(slip.key)), slip.fix) for slip in slips
    )


def _abridge(text: str) -> str:
    """A text that may repeat what was written, short enough to be read."""
    return text if len(text) <= _MAX_SHOWN else f"{text[: _MAX_SHOWN - 100]} ... {text[-95:]}"


def _findings_of(details: ErrorDetails) -> Iterator[Finding]:
    key: KeyPath = details["loc"]
    if details["type"] == "value_error" and key[-1:] == ("[key]",):  # pydantic's mark that the key itself is wrong
        key = key[:-1]
    context = details.get("ctx", {})
    error = context.get("error")
    if isinstance(error, FindingsError):
        for finding in error.findings:
            yield Finding(finding.message, key + finding.key, finding.fix)
    elif error is not None:
        yield Finding(str(error), key)
    else:
        kind = details["type"]
        message = _WORDS[kind].format(**context) if kind in _WORDS else details["msg"]
        if kind == "literal_error":
            message = f"{details['input']!r} {message}"
        yield Finding(message, key, _fix(kind, key, details))


def _fix(kind: str, key: KeyPath, details: ErrorDetails) -> str:
    value = details["input"]
    if kind == "extra_forbidden":
        return suggest(str(key[-1]), _keys_of_block(key[:-1]))
    if kind == "literal_error":
        return suggest(str(value), re.findall(r"'([^']+)'", details["ctx"]["expected"]))
    if kind == "string_type":
        return "put it in quotes" if isinstance(value, int | float) else ""
    return ""


def _keys_of_block(path: KeyPath) -> list[str]:
    """The keys that the block at a path may have."""
    block: Any = Scenario
    for part in path:
        if isinstance(block, type) and issubclass(block, BaseModel):
            block = _field_type(block, part)
        else:  # an entry of a list or of a mapping
            block = get_args(block)[0 if get_args(block)[-1] is Ellipsis else -1]
    return [field.alias or name for name, field in block.model_fields.items()]


def _field_type(block: type[BaseModel], key: str | int) -> Any:
    fields = block.model_fields.items()
    annotation = next(field.annotation for name, field in fields if key == (field.alias or name))
    models = [option for option in get_args(annotation) if isinstance(option, type) and issubclass(option, BaseModel)]
    is_optional = type(None) in get_args(annotation)
    return models[0] if is_optional else annotation


def _show_key(path: KeyPath) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")
