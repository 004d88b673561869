"""What a message kind says: texts with personal fields, files, signatures, and the templates made of them."""

from __future__ import annotations

import mimetypes
import os
import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import BeforeValidator, Field, PlainSerializer, ValidationInfo, model_validator

from loadkit.errors import UsageError
from loadkit.scenario.block import Block
from loadkit.scenario.findings import Finding, FindingsError, raise_findings, suggest
from loadkit.scenario.guardrails import ascii_domain
from loadkit.scenario.quantities import MAX_SIZE_BYTES, Size, WholeNumber
from loadkit.scenario.texts import PATH_SCHEMA, ContentType, Domain, EnvironmentName, FileName, find_beside
from loadkit.smtp.attachment import AttachedFile
from loadkit.smtp.fields import FIELDS, Correspondents, Text, parse_text, unknown_fields
from loadkit.smtp.mime import Letter
from loadkit.smtp.personal import PersonalTemplate
from loadkit.smtp.signing import DEFAULT_BITS, DkimSigner, sized_signature
from loadkit.smtp.transfer import MAX_LINE_BYTES, longest_line_bytes
from loadkit.units import format_size

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from loadkit.scenario.schema import MessageKind
    from loadkit.smtp.message import Template

MAX_TEXT_BYTES = 1024 * 1024
MAX_FILES = 1000

_KEY_BITS = (1024, 2048, 4096)
_SMIME_BYTES = (256, 65_000)
_NO_TEXT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_TYPES = mimetypes.MimeTypes()
# These hold parts of their own, and may not be encoded as base64 (RFC 2046 sections 5.1 and 5.2).
_TYPES_OF_PARTS = ("multipart/", "message/")


def field_findings(text: str) -> Iterator[Finding]:
    """Words in braces that are no fields."""
    for name in unknown_fields(text):
        guess = suggest(name, FIELDS)
        yield Finding(f"has no field {{{name}}}", fix=f"{guess} ({{{{{name}}}}} for the word in braces)")


def _find_file(value: object, info: ValidationInfo) -> Path:
    """The path of a file that has an end, as devices and pipes do not."""
    path = find_beside(value, info)
    if not path.is_file():
        raise ValueError(f"{value!r} is not a file")
    return path


def _find_text(value: object, info: ValidationInfo) -> Path:
    path = _find_file(value, info)
    raise_findings(field_findings(read_text_file(path)))
    return path


def read_text_file(path: Path) -> str:
    """A text for messages, in lines that end in LF.

    Raises:
        ValueError: If it can't be read, or is no such text.
    """
    try:
        if path.stat().st_size > MAX_TEXT_BYTES:
            raise ValueError(f"{path.name!r} is longer than {format_size(MAX_TEXT_BYTES)}")
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ValueError(f"{path.name!r} can't be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise ValueError(f"{path.name!r} is not UTF-8 text") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _find_folder(value: object, info: ValidationInfo) -> Path:
    path = find_beside(value, info)
    if not path.is_dir():
        raise ValueError(f"{value!r} is not a directory")
    files = folder_files(path)
    if not files:
        raise ValueError(f"{value!r} has no file")
    if len(files) > MAX_FILES:
        raise ValueError(f"{value!r} has {len(files):,} files, more than {MAX_FILES:,}")
    for file in files:
        if not file.name.isprintable() or '"' in file.name or "\\" in file.name:
            raise ValueError(f"{value!r} has a file whose name no message can hold: {file.name!r}")
    return path


def folder_files(folder: Path) -> list[Path]:
    """The files of a directory by name, hidden ones and those of directories in it left out.

    Raises:
        ValueError: If it can't be read.
    """
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith(".") and path.is_file())
    except OSError as error:
        raise ValueError(f"{folder.name!r} can't be read: {error.strerror}") from error


def _find_key(value: object, info: ValidationInfo) -> Path:
    if "PRIVATE KEY" in str(value):  # which is not repeated
        raise FindingsError(Finding("is a key and not the name of its file", fix="keep the secret out of the file"))
    path = _find_file(value, info)
    check_key(read_key_file(path))
    return path


def read_key_file(path: Path) -> bytes:
    """The text of a private key.

    Raises:
        ValueError: If it can't be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(MAX_TEXT_BYTES)
    except OSError as error:
        raise ValueError(f"{path.name!r} can't be read: {error.strerror}") from error


def check_key(key: bytes) -> None:
    """Refuse what is not a private RSA key in PEM without password.

    Raises:
        ValueError: With no part of the key in it.
    """
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey  # noqa: PLC0415 - slow to import
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    try:
        loaded = load_pem_private_key(key, None)
    except (ValueError, TypeError):
        loaded = None
    if not isinstance(loaded, RSAPrivateKey):
        raise ValueError("is not a private RSA key in PEM without password")  # noqa: TRY004 - of what was written


TextFile = Annotated[Path, BeforeValidator(_find_text), PlainSerializer(str), PATH_SCHEMA]
Folder = Annotated[Path, BeforeValidator(_find_folder), PlainSerializer(str), PATH_SCHEMA]
KeyFile = Annotated[Path, BeforeValidator(_find_key), PlainSerializer(str), PATH_SCHEMA]


class Content(Block):
    """A text: as written, or the file that holds it."""

    one_of: ClassVar[bool] = True
    shorthand: ClassVar[Mapping[str, Any]] = {"type": "string", "minLength": 1}

    text: str | None = Field(None, min_length=1, max_length=MAX_TEXT_BYTES)
    """The text."""
    file: TextFile | None = None
    """The file that holds it, relative to the scenario."""

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        if isinstance(value, int | float):
            raise FindingsError(Finding("must be text", fix="put it in quotes"))
        return {"text": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _is_one_text(self) -> Self:
        if (self.text is None) == (self.file is None):
            raise FindingsError(Finding("must be a text, or a block with file"))
        if self.text is not None:
            if _NO_TEXT.search(self.text):
                raise FindingsError(Finding("holds control characters"))
            raise_findings(field_findings(self.text))
        return self

    def parsed(self) -> Text:
        """The text and its fields.

        Raises:
            ValueError: If its file can't be read any more.
        """
        return parse_text(self.text if self.file is None else read_text_file(self.file))  # type: ignore[arg-type]


class Attachment(Block):
    """A file in a message: of a given size with pseudo-random bytes, or one of a directory for each message."""

    name: FileName | None = None
    """Its name."""
    size_bytes: Size | None = Field(None, alias="size")
    """Its size before it is encoded."""
    type: ContentType | None = None
    """Its content type."""
    folder: Folder | None = Field(None, alias="from")
    """A directory, relative to the scenario, whose files messages take turns with, instead of the other keys."""

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        given = {"name": self.name, "size": self.size_bytes, "type": self.type}
        if self.folder is None:
            raise_findings(Finding("is missing", (key,)) for key, value in given.items() if value is None)
        else:
            fixed = (key for key, value in given.items() if value is not None)
            raise_findings(Finding("is that of each file in the directory", (key,), "remove it") for key in fixed)
        return self

    def files(self) -> list[AttachedFile]:
        """The files that messages take turns with.

        Raises:
            ValueError: If they can't be read, or are too large together.
        """
        if self.folder is None:
            assert self.name is not None
            assert self.size_bytes is not None
            assert self.type is not None
            return [AttachedFile.random(self.name, self.size_bytes, self.type)]
        paths = folder_files(self.folder)
        try:
            total_bytes = sum(path.stat().st_size for path in paths)
            if total_bytes > MAX_SIZE_BYTES:
                raise ValueError(f"has {format_size(total_bytes)}, more than {format_size(MAX_SIZE_BYTES)}")
            return [AttachedFile(path.name, path.read_bytes(), _type_of(path)) for path in paths]
        except OSError as error:
            raise ValueError(f"{self.folder.name!r} can't be read: {error.strerror}") from error


def _type_of(path: Path) -> str:
    guess, encoding = _TYPES.guess_type(path.name)
    unusable = guess is None or encoding is not None or guess.startswith(_TYPES_OF_PARTS)
    return "application/octet-stream" if unusable else str(guess)


class Dkim(Block):
    """A DKIM signature: a real one with a key, else only a header of its form and length."""

    shorthand: ClassVar[Mapping[str, Any]] = {"const": "sized"}

    domain: Domain | None = None
    """Whose signature it is; that of the senders unless told."""
    selector: Domain = "loadkit"
    """Name of the key, below _domainkey of the domain in DNS."""
    bits: WholeNumber | None = None
    """Length of the RSA key that a signature without key looks like; 2048 unless told."""
    key: KeyFile | None = None
    """File with the private RSA key in PEM, relative to the scenario."""
    key_env: EnvironmentName | None = None
    """Environment variable with the key."""

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        if isinstance(value, str) and value != "sized":
            fix = "sized, or a block with key or key_env for real signatures"
            raise FindingsError(Finding(f"{value!r} is not possible here", fix=fix))
        return {} if value == "sized" else value

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if self.key is not None and self.key_env is not None:
            raise FindingsError(Finding("can't go with key", ("key_env",), "remove one of them"))
        if self.real and self.bits is not None:
            raise FindingsError(Finding("is that of the key", ("bits",), "remove it"))
        if self.bits is not None and self.bits not in _KEY_BITS:
            raise FindingsError(Finding("is not the length of a key", ("bits",), "1024, 2048 or 4096"))
        if self.real and find_spec("dkim") is None:
            raise FindingsError(
                Finding("needs dkimpy for real signatures", fix="pip install 'loadkit[dkim]', or write dkim: sized")
            )
        return self

    @property
    def real(self) -> bool:
        """Whether messages are really signed."""
        return self.key is not None or self.key_env is not None

    def signer(self, domain: str) -> DkimSigner:
        """What signs for a domain; without a key while its environment variable is not set."""
        key = os.environ.get(self.key_env, "").encode() if self.key_env else b""
        if self.key is not None:
            key = read_key_file(self.key)
        return DkimSigner(domain, self.selector, key)


class Signature(Block):
    """Signatures of a message: DKIM in its header, S/MIME around its content."""

    dkim: Dkim | None = None
    """A DKIM signature: sized, or a block with a key."""
    smime_bytes: Size | None = Field(None, alias="smime")
    """Size of a part of the form of an S/MIME signature, before it is encoded."""

    @model_validator(mode="after")
    def _is_some(self) -> Self:
        if self.dkim is None and self.smime_bytes is None:
            raise FindingsError(Finding("has no signature", fix="give dkim or smime"))
        least, most = _SMIME_BYTES
        if self.smime_bytes is not None and not least <= self.smime_bytes <= most:
            raise FindingsError(Finding(f"must be from {least}B to {most}B", ("smime",)))
        return self


def check_keys(kinds: Iterable[MessageKind]) -> None:
    """Refuse to send what should be signed by a key that is not there.

    Raises:
        UsageError: If an environment variable with a DKIM key is not set, or holds none.
    """
    dkims = [kind.signature.dkim for kind in kinds if kind.signature is not None and kind.signature.dkim is not None]
    for name in {dkim.key_env for dkim in dkims if dkim.key_env is not None}:
        hint = "signature.dkim.key_env names this variable"
        if name not in os.environ:
            raise UsageError(f"not set in the environment: {name}", hint=hint)
        try:
            check_key(os.environ[name].encode())
        except ValueError as error:
            raise UsageError(f"what {name} holds {error}", hint=hint) from error


def personal_templates(kind: MessageKind, people: Correspondents) -> tuple[PersonalTemplate, ...]:
    """The templates of a kind with content of its own: one, or one for each file that messages take turns with.

    Raises:
        ValueError: If a file can't be read.
    """
    attached = [attachment.files() for attachment in kind.attachments]
    seal, signer = _dkim(kind.signature, people)
    letters = (
        Letter(
            people,
            parse_text(kind.subject),
            names_recipient=kind.recipients.most == 1,
            body=kind.body.parsed() if kind.body is not None else None,
            html=kind.html.parsed() if kind.html is not None else None,
            transfer=kind.transfer,
            utf8=kind.utf8,
            unique=kind.unique,
            padded=kind.padded,
            attachments=tuple(files[variant % len(files)] for files in attached),
            smime_bytes=kind.signature.smime_bytes if kind.signature is not None else None,
        )
        for variant in range(max(map(len, attached), default=1))
    )
    return tuple(PersonalTemplate(letter, seal=seal, signer=signer) for letter in letters)


def _dkim(signature: Signature | None, people: Correspondents) -> tuple[tuple[Any, ...], DkimSigner | None]:
    dkim = signature.dkim if signature is not None else None
    if dkim is None:
        return (), None
    domain = dkim.domain or ascii_domain(people.sender.domain)
    if dkim.real:
        return (), dkim.signer(domain)
    return sized_signature(domain, dkim.selector, dkim.bits or DEFAULT_BITS), None


def subject_findings(kind: MessageKind, templates: Iterable[Template | PersonalTemplate]) -> Iterator[Finding]:
    """A subject whose fields can make it longer than a line may be."""
    if not kind.personal:
        return
    longest = max(each.longest_header_bytes for each in templates if isinstance(each, PersonalTemplate))
    if longest > MAX_LINE_BYTES:
        message = f"can make a header line of {longest:,} bytes, and SMTP takes {MAX_LINE_BYTES}"
        yield Finding(message, ("subject",), "use fewer fields")


def transfer_findings(kind: MessageKind, people: Correspondents) -> Iterator[Finding]:
    """Texts that the encoding asked for can't carry.

    Raises:
        ValueError: If a file can't be read.
    """
    if kind.transfer not in {"7bit", "8bit"}:
        return
    for content in (kind.body, kind.html):
        if content is None:
            continue
        sample = people.sample(content.parsed())
        if kind.transfer == "7bit" and not sample.isascii():
            yield Finding("can't carry text that is not ASCII", ("transfer",), "8bit, quoted-printable or base64")
            return
        if longest_line_bytes(sample) > MAX_LINE_BYTES:
            message = f"can't carry a line of {longest_line_bytes(sample):,} bytes, as SMTP takes {MAX_LINE_BYTES}"
            yield Finding(message, ("transfer",), "quoted-printable or base64, or break the line")
            return
