"""Kinds of messages: their share, size, recipients and content."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from pydantic import (
    Field,
    field_validator,
    model_validator,
)

from loadkit.scenario.block import Block
from loadkit.scenario.channels import SMTP
from loadkit.scenario.content import Attachment, Content, Signature, field_findings
from loadkit.scenario.distributions import Constant
from loadkit.scenario.findings import Finding, FindingsError, raise_findings
from loadkit.scenario.quantities import (
    MAX_SIZE_BYTES,
    Flag,
    Number,
    RecipientsDistribution,
    SizeDistribution,
)
from loadkit.scenario.texts import (
    Corpus,
    HeaderText,
    Name,
)
from loadkit.smtp.fields import parse_text
from loadkit.smtp.transfer import Transfer
from loadkit.units import format_size

if TYPE_CHECKING:
    pass

DEFAULT_SUBJECT = "loadkit message"


class MessageKind(Block):
    """One kind of message; its share of all messages is its weight over the sum of weights."""

    weight: Number = Field(1.0, gt=0, le=1e9, allow_inf_nan=False)
    """Its share of the messages, relative to the other kinds."""
    channel: Name = SMTP
    """How it is sent: as mail, or by one of channels."""
    subject: HeaderText = DEFAULT_SUBJECT
    """The subject line."""
    size: SizeDistribution | None = None
    """Size of a whole message: a size or a distribution; 1KiB unless told."""
    recipients: RecipientsDistribution = Constant(1)
    """Recipients of a message: a number or a distribution."""
    body: Content | None = None
    """Plain text, with personal fields such as {recipient} or {number}."""
    html: Content | None = None
    """The same as HTML; with a body beside it, mail programs choose."""
    transfer: Transfer | None = None
    """How texts are encoded; the plainest way that any server takes unless told."""
    utf8: Flag = False
    """Whether headers are UTF-8 and not encoded; needs SMTPUTF8."""
    unique: Flag = False
    """Whether each message has a line that no other has, so that nothing takes two for one."""
    signature: Signature | None = None
    """Signatures, real ones or of their form and length."""
    attachments: tuple[Attachment, ...] = Field((), max_length=20)
    """Files in it."""
    corpus: Corpus | None = None
    """Ready messages instead: an .eml file or a folder of them."""

    @property
    def padded(self) -> bool:
        """Whether filler brings messages to a size."""
        return self.corpus is None and (self.size is not None or (self.body is None and self.html is None))

    @property
    def personal(self) -> bool:
        """Whether messages differ in more than their size, or hold more than filler and made-up files."""
        return (
            any((self.body, self.html, self.transfer, self.utf8, self.unique, self.signature))
            or any(attachment.folder is not None for attachment in self.attachments)
            or (self.corpus is None and any(not isinstance(piece, str) for piece in parse_text(self.subject)))
        )

    @field_validator("subject")
    @classmethod
    def _has_known_fields(cls, subject: str) -> str:
        raise_findings(field_findings(subject))
        return subject

    @model_validator(mode="after")
    def _one_source_of_content(self) -> Self:
        if self.corpus is not None:
            given = {
                "subject": self.subject != DEFAULT_SUBJECT,
                "size": self.size is not None,
                "body": self.body is not None,
                "html": self.html is not None,
                "transfer": self.transfer is not None,
                "utf8": self.utf8,
                "unique": self.unique,
                "signature": self.signature is not None,
                "attachments": bool(self.attachments),
            }
            raise_findings(Finding("is fixed by the corpus", (key,), "remove it") for key in given if given[key])
        if self.transfer is not None and self.body is None and self.html is None:
            raise FindingsError(
                Finding("is how body and html are encoded, and there is neither", ("transfer",), "remove it")
            )
        total_bytes = sum(attachment.size_bytes or 0 for attachment in self.attachments)
        if total_bytes > MAX_SIZE_BYTES:
            message = f"add up to {format_size(total_bytes)}, more than {format_size(MAX_SIZE_BYTES)}"
            raise FindingsError(Finding(message, ("attachments",)))
        return self
