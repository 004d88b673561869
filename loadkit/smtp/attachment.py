"""Files in messages."""

from __future__ import annotations

import random
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP


@dataclass(frozen=True, slots=True)
class AttachedPart:
    """A file as a part of a message.

    Args:
        header: Its header lines, with CRLF.
        content: The encoded file, in CRLF lines.
    """

    header: bytes
    content: bytes


@dataclass(frozen=True, slots=True)
class AttachedFile:
    """A file in a message.

    Args:
        name: Its name.
        content: Its bytes.
        type: Its content type; neither multipart nor message.
    """

    name: str
    content: bytes
    type: str

    @classmethod
    def random(cls, name: str, size_bytes: int, content_type: str) -> AttachedFile:
        """A file of pseudo-random bytes, the same in every process."""
        return cls(name, random.Random(name).randbytes(size_bytes), content_type)

    def part(self) -> AttachedPart:
        """The part that carries it."""
        message = EmailMessage(policy=SMTP)
        main, _, sub = self.type.partition("/")
        message.set_content(self.content, maintype=main, subtype=sub, disposition="attachment", filename=self.name)
        del message["MIME-Version"]
        header, _, content = message.as_bytes().partition(b"\r\n\r\n")
        return AttachedPart(b"%b\r\n" % header, content)
