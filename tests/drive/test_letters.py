"""Messages that differ, on their way: declared as they are, read as they were meant, and never changed."""

from __future__ import annotations

import email
import re
from email.policy import SMTPUTF8
from typing import TYPE_CHECKING

import pytest
from support.runs import run_scenario, scenario_text
from support.scripted import polite
from support.sink import running_sink

from sinks.options import Engine

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import StartScripted

KINDS = """\
messages:
  notice:
    subject: "订单 {number} 已收到"
    body: "亲爱的 {recipient}\\n.{number} {date} {random}\\n"
    html: {file: notice.html}
    unique: true
    size: 12KiB
    signature: {dkim: sized, smime: 2KiB}
    attachments: [{from: files}]
  quoted: {body: "Grüße, {recipient}!\\n..\\n.{number}\\n", transfer: quoted-printable, size: 3KiB}
  eight_bits: {body: "Grüße, {recipient}!\\n", transfer: 8bit}
  raw: {subject: "通知 {number}", body: "你好 {recipient}\\n", utf8: true}
  plain: {size: 2KiB, recipients: 2}
"""


def write_files(folder: Path) -> None:
    (folder / "files").mkdir()
    (folder / "files" / "通知.txt").write_text("通知\n", encoding="utf-8")
    (folder / "files" / "b.bin").write_bytes(bytes(range(256)) * 9)
    (folder / "notice.html").write_text(".<p>{recipient}</p>\n", encoding="utf-8")


@pytest.mark.slow
def test_messages_say_what_they_are_and_are_read_as_they_were_meant(scripted: StartScripted, tmp_path: Path) -> None:
    write_files(tmp_path)
    server = scripted(polite(b"SIZE 0", b"8BITMIME", b"SMTPUTF8"))
    run = run_scenario(tmp_path, scenario_text(server.url, messages=60, messages_block=KINDS))

    assert run.outcomes == {("accepted", "dot", 250, ""): 60}, run.stderr
    envelopes = [line for line in server.commands if line.startswith(b"MAIL ")]
    recipients = re.findall(rb"RCPT TO:<([^>]+)>", b"\n".join(server.commands))
    seen: dict[str, set[bytes]] = {}
    for envelope, wire in zip(envelopes, server.contents, strict=True):
        content = re.sub(rb"(?m)^\.\.", b".", wire.removesuffix(b".\r\n"))
        message = email.message_from_bytes(content, policy=SMTPUTF8)
        kind, number = message["X-Loadkit-Sent"].split()[2], message["X-Loadkit-Id"].rpartition(".")[2]
        seen.setdefault(kind, set()).add(envelope.partition(b"> ")[2].partition(b" ")[2])
        size = re.findall(rb"SIZE=(\d+)", envelope)
        assert int(size[0]) >= len(content)
        if kind == "plain":
            continue
        assert message["From"].addresses[0].addr_spec.encode() == re.findall(rb"FROM:<([^>]+)>", envelope)[0]
        assert str(message["To"]).encode() in recipients
        texts = [part.get_content() for part in message.walk() if part.get_content_type() == "text/plain"]
        assert str(message["To"]) in texts[0]
        assert str(message["Subject"]) == {"notice": f"订单 {number} 已收到", "raw": f"通知 {number}"}.get(
            kind, "loadkit message"
        )
    assert seen == {
        "notice": {b""},
        "quoted": {b""},
        "eight_bits": {b"BODY=8BITMIME"},
        "raw": {b"SMTPUTF8 BODY=8BITMIME"},
        "plain": {b""},
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("engine", "chunking", "options"),
    [(Engine.AIOSMTPD, "false", ()), (Engine.FAST, "true", ("--workers", "2"))],
    ids=["DATA", "BDAT from workers"],
)
def test_no_message_is_changed_on_its_way(
    engine: Engine, chunking: str, options: tuple[str, ...], tmp_path: Path
) -> None:
    write_files(tmp_path)
    with running_sink(engine=engine) as sink:
        text = scenario_text(
            f"smtp://{sink.host}:{sink.port}",
            messages=200,
            sessions=4,
            sessions_block=f"chunking: {chunking}",
            messages_block=KINDS,
            senders="{local_part: 发件人, domain: 例子.test}",
            recipients="{local_part: 用户, domain: bücher.example}",
        )
        run = run_scenario(tmp_path, text, *options)
        assert run.outcomes == {("accepted", "dot", 250, ""): 200}, run.stderr
        (ledger,) = sink.stop().runs.values()

    assert (ledger.deliveries, ledger.duplicates, ledger.unknown, ledger.corrupted) == (200, 0, 0, 0)
