"""A DNS server on UDP of loopback, with a zone of its own and faults to order."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from enum import StrEnum
from typing import TYPE_CHECKING, Self

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

TTL_S = 60


class Fault(StrEnum):
    """What the server does instead of answering for a name."""

    SILENT = "silent"
    SERVFAIL = "servfail"
    GARBAGE = "garbage"
    TORN = "torn"
    """Half an answer."""
    STRANGER = "stranger"
    """The answer to another question."""


class NameServer:
    """Answers from a zone: unknown names don't exist, known ones have nothing of other types.

    Args:
        zone: Records by name, without a dot at its end, and type; the text of a TXT is written without quotes.
        faults: What happens for names, whatever the type.
    """

    def __init__(
        self, zone: Mapping[tuple[str, str], Sequence[str]], faults: Mapping[str, Fault] | None = None
    ) -> None:
        self._zone = zone
        self._faults = faults or {}
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._socket.getsockname()
        self.asked: list[tuple[str, str]] = []
        """Names and types that were asked for, in their order."""

    def __enter__(self) -> Self:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        # Closing alone would not wake the thread.
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def __str__(self) -> str:
        return f"{self.address[0]}:{self.address[1]}"

    def _serve(self) -> None:
        while True:
            try:
                data, client = self._socket.recvfrom(4096)
            except OSError:
                return
            if not data:
                return
            answer = self._answer(dns.message.from_wire(data))
            if answer is not None:
                self._socket.sendto(answer, client)

    def _answer(self, query: dns.message.Message) -> bytes | None:
        question = query.question[0]
        name, kind = question.name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        response = dns.message.make_response(query)
        response.flags |= dns.flags.AA | dns.flags.RA
        records = self._zone.get((name, kind))
        if records:
            texts = [_quoted(record) if kind == "TXT" else record for record in records]
            response.answer.append(dns.rrset.from_text_list(question.name, TTL_S, "IN", kind, texts))
        elif not any(known == name or known.endswith(f".{name}") for known, _ in self._zone):
            response.set_rcode(dns.rcode.NXDOMAIN)
        return _spoiled(response, self._faults.get(name))


def _spoiled(response: dns.message.Message, fault: Fault | None) -> bytes | None:
    match fault:
        case Fault.SILENT:
            return None
        case Fault.SERVFAIL:
            response.answer.clear()
            response.set_rcode(dns.rcode.SERVFAIL)
        case Fault.STRANGER:
            response.id ^= 1
    wire = response.to_wire()
    return {Fault.GARBAGE: wire[:2] + b"\xff" * 40, Fault.TORN: wire[: len(wire) // 2]}.get(fault, wire)  # type: ignore[arg-type]


def _quoted(text: str) -> str:
    """A TXT record in strings of 255 bytes, as zone files write it."""
    pieces = [text[start : start + 255] for start in range(0, len(text), 255)] or [""]
    return " ".join('"' + piece.replace("\\", "\\\\").replace('"', '\\"') + '"' for piece in pieces)


@contextmanager
def running_name_server(
    zone: Mapping[tuple[str, str], Sequence[str]], faults: Mapping[str, Fault] | None = None
) -> Iterator[NameServer]:
    """Run a DNS server for a while."""
    with NameServer(zone, faults) as server:
        yield server
