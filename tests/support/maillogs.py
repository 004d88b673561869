"""Made-up mail logs of known traffic, in the forms that the real servers write."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from loadkit.logs.gather import LogsRead, gather

FIXTURES = Path(__file__).parents[1] / "logs" / "fixtures"
START_S = 1_793_836_800  # 2026-11-05 00:00


@dataclass(frozen=True, slots=True)
class Connection:
    """A client's connection.

    Args:
        at_s: Seconds after `START_S`.
        sizes: Size of each of its messages.
        recipients: Of each message.
        tls: Whether it used STARTTLS.
    """

    at_s: int
    sizes: tuple[int, ...]
    recipients: int = 1
    tls: bool = False


def syslog_time(second: int) -> str:
    """As in ``Nov  5 00:00:01``."""
    moment = time.gmtime(second)
    return f"{time.strftime('%b', moment)} {moment.tm_mday:>2} {time.strftime('%H:%M:%S', moment)}"


def postfix_log(connections: list[Connection], host: str = "mail.example.com") -> str:
    """What Postfix writes about connections, every message delivered at once."""
    lines = []
    number = 0
    for connection in connections:
        head = f"{syslog_time(START_S + connection.at_s)} {host} postfix/"
        client = "client.example.com[192.0.2.1]"
        lines.append(f"{head}smtpd[100]: connect from {client}")
        for size in connection.sizes:
            number += 1
            key = f"{number:011X}"
            lines.append(f"{head}smtpd[100]: {key}: client={client}")
            lines.append(f"{head}cleanup[101]: {key}: message-id=<{number}@example.com>")
            lines.append(
                f"{head}qmgr[102]: {key}: from=<a{number}@example.org>, size={size}, "
                f"nrcpt={connection.recipients} (queue active)"
            )
            lines.extend(
                f"{head}smtp[103]: {key}: to=<u{recipient}@example.com>, relay=mx.example.com[192.0.2.2]:25, "
                "delay=0.1, delays=0/0/0.1/0, dsn=2.0.0, status=sent (250 2.0.0 OK)"
                for recipient in range(connection.recipients)
            )
            lines.append(f"{head}qmgr[102]: {key}: removed")
        count = len(connection.sizes)
        tls = "ehlo=2 starttls=1" if connection.tls else "ehlo=1"
        lines.append(
            f"{head}smtpd[100]: disconnect from {client} {tls} mail={count} rcpt={count} data={count} quit=1 commands=9"
        )
    return "\n".join(lines) + "\n"


def read_log(folder: Path, content: str | bytes, name: str = "mail.log") -> LogsRead:
    """Write a log and read it."""
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return gather([file])
