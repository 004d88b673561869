"""YAML to a model with every problem named by file, line, key and fix: for scenarios and for what reads like them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from loadkit.errors import Problem, ScenarioError, UsageError
from loadkit.scenario.document import MAX_TEXT_BYTES, Document, Slip, read_document
from loadkit.scenario.findings import Finding, FindingsError, KeyPath, suggest

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
    """Read YAML text as a model.

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
    document = read_document(text)
    if document.data is None:
        raise error_type(_problems(file, document, ()))
    model: Model | None = None
    try:
        model = model_type.model_validate(document.data, context=context)
    except ValidationError as error:
        findings = [finding for details in error.errors() for finding in _findings_of(model_type, details)]
    else:
        findings = list(further(model))
    problems = _problems(file, document, findings)
    if model is None or problems:
        raise error_type(problems)
    return model


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
        return suggest(str(key[-1]), _keys_of_block(model_type, key[:-1]))
    if kind == "literal_error":
        return suggest(str(value), re.findall(r"'([^']+)'", details["ctx"]["expected"]))
    if kind == "string_type":
        return "put it in quotes" if isinstance(value, int | float) else ""
    return ""


def _keys_of_block(model_type: type[BaseModel], path: KeyPath) -> list[str]:
    """The keys that the block at a path may have."""
    block: Any = model_type
    for part in path:
        if isinstance(block, type) and issubclass(block, BaseModel):
            block = _field_type(block, part)
        else:  # an entry of a list or of a mapping
            block = get_args(block)[0 if get_args(block)[-1] is Ellipsis else -1]
    return [field.alias or name for name, field in block.model_fields.items()]


def _field_type(block: type[BaseModel], key: str | int) -> Any:
    fields = block.model_fields.items()
    annotation = next(field.annotation for name, field in fields if key == (field.alias or name))
    options = [option for option in get_args(annotation) if option is not type(None)]
    return options[0] if type(None) in get_args(annotation) else annotation


def _show_key(path: KeyPath) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")
