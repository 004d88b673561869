"""``python -m benchmarks.reading_logs``: how fast logs are read, on generated ones, beside a loop over their lines."""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from loadkit.logs.gather import gather

START_S = 1_793_836_800  # 2026-11-05
RATE_PER_S = 120
DEFERRED_SHARE = 0.03


@dataclass(frozen=True, slots=True)
class Mail:
    """A message of a generated log.

    Args:
        number: Counts the messages.
        size_bytes: Its size.
        domains: The domain of each recipient.
        deferred: Whether it is tried twice.
    """

    number: int
    size_bytes: int
    domains: tuple[str, ...]
    deferred: bool


def _mails(seed: int) -> Iterator[list[Mail]]:
    """Messages by connection, without end."""
    generator, number = random.Random(seed), 0
    while True:
        mails = []
        for _ in range(generator.choice((1, 1, 1, 2, 5, 20))):
            number += 1
            recipients = 1 if generator.random() < 0.9 else generator.randint(2, 8)
            domains = tuple(f"dom{int(generator.paretovariate(0.7)) % 90_000}.example" for _ in range(recipients))
            size_bytes = 600 + min(int(generator.lognormvariate(9.2, 1.1)), 20_000_000)
            mails.append(Mail(number, size_bytes, domains, generator.random() < DEFERRED_SHARE))
        yield mails


def _postfix(mails: list[Mail], at: time.struct_time) -> str:
    head = f"{time.strftime('%b', at)} {at.tm_mday:>2} {time.strftime('%H:%M:%S', at)} mail1 postfix/"
    client = f"mail.customer{mails[0].number % 3000}.example[192.0.2.{mails[0].number % 250}]"
    lines = [f"smtpd[18244]: connect from {client}"]
    for mail in mails:
        key = f"{0x2B90C21C867 + mail.number * 977:011X}"
        active = f"qmgr[18242]: {key}: from=<bounce-{mail.number}@list.example>, size={mail.size_bytes}, "
        active += f"nrcpt={len(mail.domains)} (queue active)"
        lines += [f"smtpd[18244]: {key}: client={client}", f"cleanup[18248]: {key}: message-id=<{key}@list.example>"]
        lines.append(active)
        status = "deferred (host mx said: 451 4.7.1 Greylisted)" if mail.deferred else f"sent (250 2.0.0 Ok: {key})"
        for domain in mail.domains:
            relay = f"relay=mx.{domain}[198.51.100.7]:25, delay=0.42, delays=0.01/0.01/0.2/0.2, dsn=2.0.0"
            lines.append(f"smtp[18249]: {key}: to=<user{mail.number}@{domain}>, {relay}, status={status}")
        lines += [active] * mail.deferred + [f"qmgr[18242]: {key}: removed"]
    count = len(mails)
    commands = f"ehlo=2 starttls=1 mail={count} rcpt={count} data={count} quit=1 commands=9"
    lines.append(f"smtpd[18244]: disconnect from {client} {commands}")
    return "".join(f"{head}{line}\n" for line in lines)


def _exim(mails: list[Mail], at: time.struct_time) -> str:
    head = time.strftime("%Y-%m-%d %H:%M:%S", at)
    tls = "X=TLS1.3:ECDHE_X25519__RSA_PSS_RSAE_SHA256__AES_256_GCM:256 CV=no"
    lines = []
    for mail in mails:
        key = f"1x{mail.number // 10**6:04d}-{mail.number % 10**6:06d}-06"
        host = f"H=mail.customer{mail.number % 3000}.example [192.0.2.7] P=esmtps {tls}"
        lines.append(
            f"{key} <= bounce-{mail.number}@list.example {host} S={mail.size_bytes} id={mail.number}@list.example"
        )
        for place, domain in enumerate(mail.domains):
            route = f"R=dnslookup T=remote_smtp H=mx.{domain} [198.51.100.7] X=TLS1.3:TLS_AES_256_GCM_SHA384:256 CV=yes"
            lines.append(f'{key} {"->" if place else "=>"} user@{domain} {route} C="250 2.0.0 OK queued"')
        lines.append(f"{key} Completed")
    return "".join(f"{head} {line}\n" for line in lines)


def _opensmtpd(mails: list[Mail], at: time.struct_time) -> str:
    head = f"{time.strftime('%b', at)} {at.tm_mday:>2} {time.strftime('%H:%M:%S', at)} mail1 smtpd[812]: "
    session = f"{mails[0].number:016x}"
    lines = [f"{session} smtp connected address=192.0.2.7 host=mail.customer.example"]
    for mail in mails:
        key = f"{mail.number:08x}"
        lines.append(f"{session} smtp message msgid={key} size={mail.size_bytes} nrcpt={len(mail.domains)} proto=ESMTP")
        for domain in mail.domains:
            envelope = f"evpid={key}0a1b2c3d from=<bounce-{mail.number}@list.example> to=<user@{domain}>"
            lines.append(f"{session} smtp envelope {envelope}")
            result = "TempFail" if mail.deferred else "Ok"
            answer = f'relay="198.51.100.9 (mx.{domain})" delay=1s result="{result}" stat="250 2.0.0 OK queued"'
            lines.append(f'aaaa3d31c1898f00 mta delivery {envelope} rcpt=<-> source="192.0.2.1" {answer}')
    lines.append(f"{session} smtp disconnected reason=quit")
    return "".join(f"{head}{line}\n" for line in lines)


def _table(mails: list[Mail], at: time.struct_time) -> str:
    head = time.strftime("%Y-%m-%d %H:%M:%S", at)
    return "".join(f"{head},{mail.size_bytes},{len(mail.domains)},{mails[0].number},yes\n" for mail in mails)


FORMATS: dict[str, Callable[[list[Mail], time.struct_time], str]] = {
    "postfix": _postfix,
    "exim": _exim,
    "opensmtpd": _opensmtpd,
    "csv": _table,
}


def write_log(file: Path, form: str, size_bytes: int) -> int:
    """Write a log of about this size; returns how many messages are in it."""
    messages, written = 0, 0
    with file.open("w") as output:
        if form == "csv":
            output.write("time,size,recipients,connection,tls\n")
        for mails in _mails(seed=1):
            messages += len(mails)
            text = FORMATS[form](mails, time.gmtime(START_S + messages // RATE_PER_S))
            output.write(text)
            written += len(text)
            if written >= size_bytes:
                return messages
    raise AssertionError("unreachable")


def line_loop(file: Path) -> int:
    """What Python needs at least to see every line: their number."""
    with file.open("rb") as stream:
        return sum(1 for _ in stream)


def cpu_s(action: Callable[[], object]) -> float:
    """CPU time of this process for an action, in seconds."""
    started = time.process_time()
    action()
    return time.process_time() - started


def _pair(file: Path) -> tuple[float, float]:
    return cpu_s(lambda: gather([file])), cpu_s(lambda: line_loop(file))


def main() -> None:
    """Measure each format."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=1000, help="size of each log")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is read, in alternation with the loop")
    parser.add_argument("--only", choices=list(FORMATS), action="append", help="leave out the others; repeatable")
    arguments = parser.parse_args()
    for form in arguments.only or FORMATS:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "mail.log")
            messages = write_log(file, form, arguments.megabytes * 10**6)
            found = gather([file]).gathered.messages
            assert found == messages, f"{found} messages found of {messages}"
            pairs = [_pair(file) for _ in range(arguments.rounds)]
            megabytes = file.stat().st_size / 1e6
        ours, loop = (min(times) for times in zip(*pairs, strict=True))
        print(
            f"{form:10} {megabytes:,.0f} MB, {messages:,} messages: {megabytes / ours:,.0f} MB/s of CPU, "
            f"{messages / ours:,.0f} messages/s; a loop over the lines {megabytes / loop:,.0f} MB/s, "
            f"ratio {ours / loop:.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
