"""Field types of a scenario: texts that end up in addresses, headers or system calls, each by its own rule."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, ValidationInfo

from loadkit.errors import LoadkitError
from loadkit.scenario.findings import Finding, FindingsError
from loadkit.scenario.guardrails import ascii_domain, is_domain, parse_host_port, parse_sink_url, parse_target_url

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_CORPUS_FILES = 1000

# Control characters and Unicode's own line ends, at which Python's email package ends a header.
_ATOM_TEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]*"
# With a number of nine digits behind it, within the 64 of RFC 5321 section 4.5.3.1.1.
_MAX_LOCAL_PART_BYTES = 50
_CONTROLS = r"\x00-\x1f\x7f-\x9f\u2028\u2029"


def _matching(pattern: str, meaning: str) -> AfterValidator:
    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"{text!r} is not {meaning}")
        return text

    return AfterValidator(check)


def accepted_by(parse: Callable[[str], object]) -> AfterValidator:
    """A validator that keeps the text if `parse` takes it; its error and hint become a finding."""

    def check(text: str) -> str:
        try:
            parse(text)
        except LoadkitError as error:
            raise FindingsError(Finding(str(error), fix=error.hint)) from error
        return text

    return AfterValidator(check)


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
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,99}", text):
        # The text may be the secret itself, so it is not repeated.
        raise FindingsError(
            Finding("is not the name of an environment variable", fix="keep the secret out of the file")
        )
    return text


def find_beside(value: object, info: ValidationInfo) -> Path:
    """The path of something that exists; relative paths begin where the scenario is.

    Raises:
        ValueError: If there is nothing.
    """
    path = ((info.context or Path.cwd()) / str(value)).resolve()
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


Name = Annotated[str, _matching(r"[a-z0-9_-]{1,40}", "a name: 1 to 40 of a-z 0-9 _ -")]
LocalPart = Annotated[str, AfterValidator(_check_local_part)]
Prose = Annotated[str, AfterValidator(_check_prose)]
HeaderText = Annotated[str, _matching(rf"[^{_CONTROLS}]{{0,200}}", "one line of at most 200 characters")]
FileName = Annotated[str, _matching(rf'[^{_CONTROLS}"/\\]{{1,100}}', "a file name without path or quotes")]
ContentType = Annotated[
    str,
    # multipart and message hold parts of their own, which random bytes are not
    _matching(r"(?!multipart/|message/)[a-z0-9.+-]{1,60}/[a-z0-9.+-]{1,60}", "a content type such as text/csv"),
]
EnvironmentName = Annotated[str, AfterValidator(_check_environment_name)]
Domain = Annotated[str, AfterValidator(_check_domain)]
AddressDomain = Annotated[str, AfterValidator(_check_address_domain)]
IpAddress = Annotated[str, AfterValidator(_check_ip_address)]
AllowedHost = Annotated[str, accepted_by(parse_host_port)]
TargetUrl = Annotated[str, accepted_by(parse_target_url)]
SinkUrl = Annotated[str, accepted_by(parse_sink_url)]
Corpus = Annotated[Path, BeforeValidator(_find_corpus), PlainSerializer(str)]
