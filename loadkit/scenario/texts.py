"""Field types of a scenario: texts that end up in addresses, headers or system calls, each by its own rule."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, ValidationInfo, WithJsonSchema

from loadkit.errors import LoadkitError
from loadkit.scenario.document import TextOf
from loadkit.scenario.environment import MAY_NAME_VARIABLES, VARIABLE_PATTERN, fill_variables, variables_in
from loadkit.scenario.findings import Finding, FindingsError
from loadkit.scenario.guardrails import (
    DOMAIN_PATTERN,
    ascii_domain,
    is_domain,
    parse_host_port,
    parse_sink_url,
    parse_target_url,
)
from loadkit.scenario.quantities import PATTERN_MESSAGE

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_CORPUS_FILES = 1000

# Control characters and Unicode's own line ends, at which Python's email package ends a header.
_LETTER = r"(?:[A-Za-z0-9]|[^\x00-\x7f])"
_LABEL = rf"{_LETTER}(?:(?:{_LETTER}|-)*{_LETTER})?"
_ADDRESS_DOMAIN = rf"{_LABEL}(?:\.{_LABEL})*"
_LOCAL_PART = r"(?!\.)(?!.*\.\.)(?:[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]|[^\x00-\x7f])+"
_ATOM_TEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]*"
# With a number of nine digits behind it, within the 64 of RFC 5321 section 4.5.3.1.1.
_MAX_LOCAL_PART_BYTES = 50
_CONTROLS = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
_ENVIRONMENT_NAME = r"[A-Za-z_][A-Za-z0-9_]{0,99}"


def text_schema(pattern: str, meaning: str, *examples: str) -> WithJsonSchema:
    """Annotate a text with its JSON Schema.

    Args:
        pattern: What all of it looks like, in the regular expressions of JSON Schema.
        meaning: What it is, in words.
        examples: For editors.
    """
    schema: dict[str, Any] = {"type": "string", "pattern": f"^(?:{pattern})$", PATTERN_MESSAGE: f"Write {meaning}"}
    return WithJsonSchema(schema | {"examples": list(examples)} if examples else schema)


def matching(pattern: str, meaning: str, *examples: str) -> tuple[AfterValidator, WithJsonSchema]:
    """Annotate a text with a check of all of it and with its JSON Schema; arguments as of `text_schema`."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"{text!r} is not {meaning}")
        return text

    return AfterValidator(check), text_schema(pattern, meaning, *examples)


PATH_SCHEMA = WithJsonSchema({"type": "string", "minLength": 1})


def accepted_by(parse: Callable[[str], object]) -> AfterValidator:
    """A validator that keeps the text if `parse` takes it; its error and hint become a finding."""

    def check(text: str) -> str:
        try:
            parse(text)
        except LoadkitError as error:
            raise FindingsError(Finding(str(error), fix=error.hint)) from error
        return text

    return AfterValidator(check)


def server_url(
    parse: Callable[[str], object], schemes: str, *examples: str
) -> tuple[str, AfterValidator, WithJsonSchema]:
    """Annotate a text as the address of a server, parts of which may come from the environment.

    Args:
        parse: Takes the address or raises.
        schemes: What it may begin with, as alternatives of a regular expression.
        examples: For editors.
    """

    def fill_and_check(text: str) -> str:
        names = variables_in(text)
        filled = fill_variables(text)
        try:
            parse(filled)
        except LoadkitError as error:
            # What a variable holds may be a secret in the wrong place, so it is not repeated.
            message = f"is wrong with the value of {', '.join(names)}" if names else str(error)
            raise FindingsError(Finding(message, fix=error.hint)) from None
        return filled

    pattern = rf"(?:{schemes})://[^\s@]+|.*{VARIABLE_PATTERN}.*"
    meaning = f"the address of a server, such as {' or '.join(examples)}"
    return MAY_NAME_VARIABLES, AfterValidator(fill_and_check), text_schema(pattern, meaning, *examples)


def _check_domain(text: str) -> str:
    if not is_domain(text):
        raise ValueError(f"{text!r} is not a domain")
    return text


def _check_address_domain(text: str) -> str:
    if not is_domain(ascii_domain(text)):
        raise ValueError(f"{text!r} is not a domain")
    return text


def _check_local_part(text: str) -> str:
    plain = "".join(letter for letter in text if letter.isascii())
    letters = [letter for letter in text if not letter.isascii()]
    dots = text.startswith(".") or ".." in text
    # RFC 6531 section 3.3 adds every character that is not ASCII; white space and invisible ones would help nobody.
    if dots or not re.fullmatch(_ATOM_TEXT, plain) or not all(map(str.isprintable, letters)):
        raise ValueError(f"{text!r} is not the local part of an address (RFC 5321 dot-string, or RFC 6531)")
    if not 1 <= len(text.encode()) <= _MAX_LOCAL_PART_BYTES:
        raise ValueError(
            f"{text!r} is not the local part of an address: 1 to {_MAX_LOCAL_PART_BYTES} bytes are possible"
        )
    return text


def _check_ip_address(text: str) -> str:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        raise ValueError(f"{text!r} is not an IP address") from None
    return text


def _check_prose(text: str) -> str:
    if re.search(rf"[{_CONTROLS}]", text.replace("\n", "").replace("\t", "")):
        raise ValueError("holds control characters")
    return text


def _check_environment_name(text: str) -> str:
    if not re.fullmatch(_ENVIRONMENT_NAME, text):
        # The text may be the secret itself, so it is not repeated.
        raise FindingsError(
            Finding("is not the name of an environment variable", fix="keep the secret out of the file")
        )
    return text


def beside(value: object, info: ValidationInfo) -> Path:
    """The path that a text means: from the folder of the file in which it stands, or from the current folder."""
    folder = value.folder if isinstance(value, TextOf) else info.context or Path.cwd()
    return Path(folder, str(value)).resolve()


def find_beside(value: object, info: ValidationInfo) -> Path:
    """The path of something that exists; relative paths begin where the file is in which it stands.

    Raises:
        ValueError: If there is nothing.
    """
    path = beside(value, info)
    try:
        exists = path.exists()
    except OSError as error:
        raise ValueError(f"{value!r} can't be read: {error.strerror}") from error
    if not exists:
        raise ValueError(f"{value!r} does not exist beside the scenario")
    return path


def _find_corpus(value: object, info: ValidationInfo) -> Path:
    path = find_beside(value, info)
    try:
        files = sum(1 for _ in path.glob("*.eml")) if path.is_dir() else 1
    except OSError as error:
        raise ValueError(f"{value!r} can't be read: {error.strerror}") from error
    if not files:
        raise ValueError(f"{value!r} has no .eml file")
    if files > MAX_CORPUS_FILES:
        raise ValueError(f"{value!r} has {files:,} .eml files, more than {MAX_CORPUS_FILES:,}")
    return path


Name = Annotated[str, *matching(r"[a-z0-9_-]{1,40}", "a name: 1 to 40 of a-z 0-9 _ -")]
LocalPart = Annotated[
    str,
    AfterValidator(_check_local_part),
    text_schema(_LOCAL_PART, "the local part of an address (RFC 5321 dot-string, or RFC 6531)", "user"),
]
Prose = Annotated[str, AfterValidator(_check_prose), WithJsonSchema({"type": "string"})]
HeaderText = Annotated[str, *matching(rf"[^{_CONTROLS}]{{0,200}}", "one line of at most 200 characters")]
FileName = Annotated[str, *matching(rf'[^{_CONTROLS}"/\\]{{1,100}}', "a file name without path or quotes", "a.pdf")]
ContentType = Annotated[
    str,
    # multipart and message hold parts of their own, which random bytes are not
    *matching(
        r"(?!multipart/|message/)[a-z0-9.+-]{1,60}/[a-z0-9.+-]{1,60}", "a content type such as text/csv", "text/csv"
    ),
]
EnvironmentName = Annotated[
    str,
    AfterValidator(_check_environment_name),
    text_schema(_ENVIRONMENT_NAME, "the name of an environment variable", "SMTP_USER"),
]
Domain = Annotated[str, AfterValidator(_check_domain), text_schema(DOMAIN_PATTERN, "a domain", "example.com")]
IpAddress = Annotated[
    str, AfterValidator(_check_ip_address), text_schema(r"[0-9A-Fa-f:.]+(?:%\S+)?", "an IP address", "127.0.0.2")
]
AllowedHost = Annotated[
    str,
    accepted_by(parse_host_port),
    text_schema(r"[^\s@/]+", "host or host:port", "mail.example.net", "192.0.2.7:2525"),
]
TargetUrl = Annotated[
    str, *server_url(parse_target_url, "[Ss][Mm][Tt][Pp][Ss]?|[Ll][Mm][Tt][Pp]", "smtp://127.0.0.1:2525")
]
SinkUrl = Annotated[str, *server_url(parse_sink_url, "[Hh][Tt][Tt][Pp][Ss]?", "http://127.0.0.1:8025")]
Corpus = Annotated[Path, BeforeValidator(_find_corpus), PlainSerializer(str), PATH_SCHEMA]
AddressDomain = Annotated[
    str, AfterValidator(_check_address_domain), text_schema(_ADDRESS_DOMAIN, "a domain", "example.com", "例子.test")
]
