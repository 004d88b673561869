"""What TLS costs the generator: a session's set-up beside a bare handshake, messages beside those without TLS."""

from __future__ import annotations

import sys
import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from benchmarks import commands
from benchmarks.receivers import our_sink
from benchmarks.running import Command, Finding, Measure, alternate, each_us

SET_UP_BOUND, MESSAGE_BOUND = 1.25, 1.6
HANDSHAKES = (500, 2500)
"""Handshakes of a short run and of a long one."""


def compare_tls(messages: int, rounds: int) -> list[Finding]:
    """Compare sessions and messages under TLS with what they can cost at least.

    The server is the fast sink on the other core, so both sides of a comparison agree on TLS 1.3 and one cipher.

    Args:
        messages: How many a long run over kept connections sends.
        rounds: How often each is measured.
    """
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        plain = stack.enter_context(our_sink("fast", folder))
        secure = stack.enter_context(our_sink("fast", folder, "--tls", "starttls"))
        kept = partial(_blast, secure.port, folder, "starttls")
        lengths = (messages // 6, messages)

        def set_up_us() -> float:
            return each_us(partial(_one_each, secure.port, folder), HANDSHAKES) - each_us(kept, lengths)

        def compare(title: str, ours: Measure, theirs: Measure, bound: float) -> Finding:
            return Finding.ratio(title, list(alternate(title, rounds, [ours, theirs])), bound)

        return [
            compare(
                "STARTTLS set-up / bare handshake",
                set_up_us,
                partial(each_us, partial(_bare, secure.port), HANDSHAKES),
                SET_UP_BOUND,
            ),
            compare(
                "messages under TLS 1.3 / plain",
                partial(each_us, kept, lengths),
                partial(each_us, partial(_blast, plain.port, folder, "none"), lengths),
                MESSAGE_BOUND,
            ),
        ]


def _blast(port: int, folder: Path, tls: str, messages: int) -> Command:
    """Messages over kept connections."""
    return commands.loadkit(port, messages, folder, "--no-pipelining", "--tls", tls)


def _one_each(port: int, folder: Path, sessions: int) -> Command:
    """Sessions that carry one message each, as many at a time as `_blast` keeps."""
    file = folder / f"one_each_{sessions}.yaml"
    file.write_text(
        f"scenario: one_each\ntarget: {{url: 'smtp://127.0.0.1:{port}', tls: starttls}}\n"
        "sessions: {messages_per_session: 1, pipelining: false}\n"
        f"load: {{executor: shared_messages, sessions: {commands.SESSIONS}, messages: {sessions}}}\n"
        f"messages: {{note: {{size: {commands.SIZE_BYTES}B}}}}\n"
    )
    return [sys.executable, "-m", "loadkit", "run", str(file), "--quiet", "--results", str(folder)]


def _bare(port: int, handshakes: int) -> Command:
    return [sys.executable, str(commands.HERE / "with_openssl.py"), str(port), str(handshakes)]
