"""The MIME structure of messages (RFC 2046, RFC 1847): parts as pieces, some of them with gaps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from loadkit.smtp.attachment import AttachedFile
from loadkit.smtp.fields import Correspondents, Field, Piece, Slot, Text
from loadkit.smtp.signing import smime_signature
from loadkit.smtp.transfer import Transfer, base64_lines, choose_transfer, encode_subject, encode_text

FILLER: Final = Slot(-1, b"")
"""Where filler may follow; at most once, and nothing behind it has gaps."""

_PLAIN = b"Content-Type: text/plain; charset=us-ascii\r\n"
_FILLER_FILE = b'Content-Disposition: attachment; filename="filler.txt"\r\n'
_TO_SEVERAL = b"To: undisclosed-recipients:;\r\n"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a message.

    Args:
        header: Its header lines, with CRLF.
        body: What it holds, ending in CRLF or in the place of the filler.
    """

    header: bytes
    body: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Letter:
    """What the messages of a kind look like.

    Args:
        correspondents: Whom they are from and to.
        subject: Their subject.
        names_recipient: Whether the first recipient is named in To; else nobody is.
        body: Plain text, or None.
        html: HTML text, or None.
        transfer: How texts are encoded; None for the plainest way that carries them.
        utf8: Whether the header is UTF-8 (RFC 6532).
        unique: Whether each message has a line that no other has.
        padded: Whether filler brings them to a size.
        attachments: The files in them.
        smime_bytes: Size of their S/MIME signature; None for no such signature.
    """

    correspondents: Correspondents
    subject: Text
    names_recipient: bool = True
    body: Text | None = None
    html: Text | None = None
    transfer: Transfer | None = None
    utf8: bool = False
    unique: bool = False
    padded: bool = False
    attachments: tuple[AttachedFile, ...] = ()
    smime_bytes: int | None = None

    def header(self) -> tuple[bytes | Slot, ...]:
        """The header lines of the message itself."""
        people = self.correspondents
        to = people.slot(Field.RECIPIENT)
        return (
            _around(people.slot(Field.SENDER), b"From: loadkit <", b">\r\n"),
            _around(to, b"To: ", b"\r\n") if self.names_recipient else _TO_SEVERAL,
            b"Subject: ",
            *encode_subject(self.subject, people, utf8=self.utf8),
            b"\r\nDate: ",
            Slot(Field.MAIL_DATE, b"%b"),
            b"\r\nMIME-Version: 1.0\r\n",
        )

    def content(self) -> Part:
        """All that the message carries."""
        texts = list(self._texts())
        parts = [_multipart(b"alternative", texts)] if len(texts) > 1 else texts
        for file in self.attachments:
            attached = file.part()
            parts.append(Part(attached.header, (attached.content,)))
        if self.padded:
            # Filler is plain ASCII text, so it may follow such text; elsewhere it is a part of its own.
            if self.body is not None and len(parts) == 1 and self.transfer_of(self.body) in {"7bit", "8bit"}:
                parts = [Part(parts[0].header, (*parts[0].body, FILLER))]
            else:
                parts.append(Part(_PLAIN + (_FILLER_FILE if texts else b""), (*self._reference(), FILLER)))
        content = _multipart(b"mixed", parts) if len(parts) > 1 else parts[0]
        return content if self.smime_bytes is None else _signed(content, self.smime_bytes)

    def _texts(self) -> Iterator[Part]:
        if self.body is not None:
            text: Text = (*_whole_lines(self.body), *(("\nReference: ", Field.UNIQUE, "\n") if self.unique else ()))
            yield self._text_part("plain", text)
        if self.html is not None:
            comment: Text = ("<!-- ", Field.UNIQUE, " -->\n") if self.unique else ()
            yield self._text_part("html", (*_whole_lines(self.html), *comment))

    def _reference(self) -> tuple[Piece, ...]:
        """What makes filler unique where there is no text to do so."""
        if not self.unique or self.body is not None or self.html is not None:
            return ()
        return (b"Reference: ", self.correspondents.slot(Field.UNIQUE), b"\r\n")

    def _text_part(self, subtype: str, text: Text) -> Part:
        transfer = self.transfer_of(text)
        charset = "us-ascii" if self.correspondents.sample(text).isascii() else "utf-8"
        header = f"Content-Type: text/{subtype}; charset={charset}\r\nContent-Transfer-Encoding: {transfer}\r\n"
        pieces = encode_text(text, transfer, self.correspondents, markup=subtype == "html")
        return Part(header.encode(), pieces)

    def transfer_of(self, text: Text) -> Transfer:
        """How one of the texts is encoded."""
        return self.transfer or choose_transfer(self.correspondents.sample(text), utf8=self.utf8)


def _whole_lines(text: Text) -> Text:
    last = text[-1] if text else ""
    return text if isinstance(last, str) and last.endswith("\n") else (*text, "\n")


def _around(slot: Slot, before: bytes, behind: bytes) -> Slot:
    return Slot(slot.place, b"%b%b%b" % (before, slot.form, behind))


def _multipart(subtype: bytes, parts: Sequence[Part], parameters: bytes = b"") -> Part:
    boundary = b"=_loadkit_%b" % subtype
    header = b'Content-Type: multipart/%b;%b boundary="%b"\r\n' % (subtype, parameters, boundary)
    body: list[Piece] = []
    for part in parts:
        # The line end before a boundary belongs to it (RFC 2046 section 5.1.1), so the part's own one comes before.
        body += [b"--%b\r\n%b\r\n" % (boundary, part.header), *part.body, b"\r\n"]
    return Part(header, (*body, b"--%b--\r\n" % boundary))


def _signed(content: Part, size_bytes: int) -> Part:
    header = (
        b'Content-Type: application/pkcs7-signature; name="smime.p7s"\r\n'
        b"Content-Transfer-Encoding: base64\r\n"
        b'Content-Disposition: attachment; filename="smime.p7s"\r\n'
    )
    signature = Part(header, (base64_lines(smime_signature(size_bytes)),))
    parameters = b' protocol="application/pkcs7-signature"; micalg=sha-256;'
    return _multipart(b"signed", [content, signature], parameters)
