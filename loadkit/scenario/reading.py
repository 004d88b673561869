"""YAML to a model with every problem named by file, line, key and fix: for scenarios and for what reads like them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError

from loadkit.errors import Problem, ScenarioError, UsageError
from loadkit.scenario.document import MAX_TEXT_BYTES, Document, Slip, read_document
from loadkit.scenario.environment import misplaced_variables
from loadkit.scenario.findings import Finding, FindingsError, KeyPath, suggest
from loadkit.scenario.value_types import keys_of, types_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pydantic_core import ErrorDetails

Model = TypeVar("Model", bound=BaseModel)

_MAX_SHOWN = 300

# Pydantic's error types in our words; braces take the error's own context.
_WORDS = {
    "missing": "is missing",
    "extra_forbidden": "is not a known key",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "string_type": "must be text",
    "string_too_short": "must be at least {min_length} character long",
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


def read_text(path: Path | str, what: str) -> str:
    """The text of a file that people write.

    Args:
        path: The file.
        what: What it should be, such as ``scenario``, for messages.

    Raises:
        UsageError: If the file is missing, unreadable, too long or not UTF-8.
    """
    try:
        with Path(path).open("rb") as stream:
            raw = stream.read(MAX_TEXT_BYTES + 1)
    except OSError as error:
        raise UsageError(f"can't read {path}: {error.strerror}", hint=f"give the path of a {what} file") from error
    if len(raw) > MAX_TEXT_BYTES:
        raise UsageError(f"{path} is longer than {MAX_TEXT_BYTES // 1024} KiB", hint=f"it is no {what} file")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 text", hint="save it as UTF-8") from error


def read_model(
    model_type: type[Model],
    text: str,
    file: str,
    *,
    context: object = None,
    further: Callable[[Model], Iterable[Finding]] = lambda _: (),
    error_type: type[ScenarioError] = ScenarioError,
) -> Model:
    """Read YAML text as a model; see `build_model`.

    Args:
        model_type: The model of the whole document.
        text: The YAML.
        file: Name of its source, for messages.
        context: What the model's validators get as context.
        further: Finds what is wrong with a model that is valid by itself.
        error_type: The error to raise.

    Raises:
        ScenarioError: With every problem in the text; of the given type.
    """
    document = read_document(text, file)
    return build_model(model_type, document, context=context, further=further, error_type=error_type)


def build_model(
    model_type: type[Model],
    document: Document,
    *,
    context: object = None,
    further: Callable[[Model], Iterable[Finding]] = lambda _: (),
    error_type: type[ScenarioError] = ScenarioError,
) -> Model:
    """Make a model of a document.

    Args:
        model_type: The model of the whole document.
        document: The document, with what it includes.
        context: What the model's validators get as context.
        further: Finds what is wrong with a model that is valid by itself.
        error_type: The error to raise.

    Raises:
        ScenarioError: With every problem in the document; of the given type.
    """
    if document.data is None:
        raise error_type(_problems(document, ()))
    slips = misplaced_variables(document, model_type)
    model: Model | None = None
    findings: list[Finding] = []
    try:
        model = model_type.model_validate(document.data, context=context)
    except ValidationError as error:
        for details in error.errors():
            if document.complete or _is_certain(details):
                findings += _findings_of(model_type, details)
    else:
        findings += further(model) if document.complete else ()
    problems = _problems(document, findings, slips)
    if model is None or problems:
        raise error_type(problems)
    return model


def _is_certain(details: ErrorDetails) -> bool:
    """Whether a value is wrong whatever the parts hold that could not be read."""
    return details["type"] != "missing" and not isinstance(details.get("ctx", {}).get("error"), FindingsError)


def _problems(document: Document, findings: Iterable[Finding], further: Iterable[Slip] = ()) -> tuple[Problem, ...]:
    slips = [*document.slips, *further]
    # What could not be read properly is not judged a second time.
    misread = {slip.key for slip in slips if slip.key}
    for finding in findings:
        if misread.isdisjoint(finding.key[:length] for length in range(1, len(finding.key) + 1)):
            file, line = document.place_of(finding.key)
            slips.append(Slip(line, finding.message, finding.key, finding.fix, file))
    problems = [
        Problem(_abridge(slip.message), slip.file or document.file, slip.line, _abridge(show_key(slip.key)), slip.fix)
        for slip in slips
    ]
    # The document's own come first; what has no lines, such as options, comes last.
    problems.sort(key=lambda problem: (problem.file != document.file, problem.line == 0, problem.file, problem.line))
    return tuple(problems)


def _abridge(text: str) -> str:
    """A text that may repeat what was written, short enough to be read."""
    return text if len(text) <= _MAX_SHOWN else f"{text[: _MAX_SHOWN - 100]} ... {text[-95:]}"


def _findings_of(model_type: type[BaseModel], details: ErrorDetails) -> Iterator[Finding]:
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
        yield Finding(message, key, _fix(model_type, kind, key, details))


def _fix(model_type: type[BaseModel], kind: str, key: KeyPath, details: ErrorDetails) -> str:
    value = details["input"]
    if kind == "extra_forbidden":
        return suggest(str(key[-1]), keys_of(types_at(model_type, key[:-1])))
    if kind == "literal_error":
        return suggest(str(value), re.findall(r"'([^']+)'", details["ctx"]["expected"]))
    if kind == "string_type":
        return "put it in quotes" if isinstance(value, int | float) else ""
    return ""


def show_key(path: KeyPath) -> str:
    """A path of keys as people write it: ``load.stages[2].rate``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")
