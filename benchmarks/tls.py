"""What TLS costs the generator: a session's set-up beside a bare handshake, messages beside those without TLS."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from benchmarks import peers
from benchmarks.sinks import GENERATOR_CORE, ROUNDS, Receiver

SET_UP_BOUND, MESSAGE_BOUND = 1.25, 1.6
HANDSHAKES = (500, 2500)
"""Handshakes of a short run and of a long one."""

Make = Callable[[int], peers.Command]


def compare_tls(messages: int) -> bool:
    """Compare sessions and messages under TLS with what they can cost at least; True if both bounds are met.

    The server is the fast sink on the other core, so both sides of a comparison agree on TLS 1.3 and one cipher.

    Args:
        messages: How many a long run over kept connections sends.
    """
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        plain, secure = Receiver.ours("fast", folder), Receiver.ours("fast", folder, "--tls", "starttls")
        for receiver in (plain, secure):
            stack.callback(receiver.stop)
        kept = partial(_blast, secure.port, folder, "starttls")
        lengths = (messages // 6, messages)

        def set_up_us() -> float:
            return _each_us(partial(_one_each, secure.port, folder), HANDSHAKES) - _each_us(kept, lengths)

        return all(
            [
                _compare(
                    "STARTTLS set-up / bare handshake",
                    set_up_us,
                    partial(_each_us, partial(_bare, secure.port), HANDSHAKES),
                    SET_UP_BOUND,
                ),
                _compare(
                    "messages under TLS 1.3 / plain",
                    partial(_each_us, kept, lengths),
                    partial(_each_us, partial(_blast, plain.port, folder, "none"), lengths),
                    MESSAGE_BOUND,
                ),
            ]
        )


def _compare(name: str, ours_us: Callable[[], float], theirs_us: Callable[[], float], bound: float) -> bool:
    pairs = []
    for _ in range(ROUNDS):
        pairs.append((ours_us(), theirs_us()))
        print(f"  {name}: {pairs[-1][0]:.1f} us against {pairs[-1][1]:.1f} us", file=sys.stderr)
    ratios = sorted(mine / other for mine, other in pairs)
    ratio = statistics.median(ratios)
    print(f"{name}: ratio {ratio:.2f} (bound {bound:.2f}; {ratios[0]:.2f} to {ratios[-1]:.2f} in {ROUNDS} rounds)")
    return ratio <= bound


def _each_us(make: Make, lengths: tuple[int, int]) -> float:
    """CPU of one piece of work in microseconds, start-up left out by subtracting a short run from a long one."""
    short, long = lengths
    return (_cpu_s(make(long)) - _cpu_s(make(short))) / (long - short) * 1e6


def _cpu_s(command: peers.Command) -> float:
    process = subprocess.Popen(
        ["taskset", "-c", str(GENERATOR_CORE), *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) not in (0, 4):  # at full speed a run is INVALID as a measurement of the target
        raise SystemExit(f"{' '.join(command)} ended with {os.waitstatus_to_exitcode(status)}")
    return usage.ru_utime + usage.ru_stime


def _blast(port: int, folder: Path, tls: str, messages: int) -> peers.Command:
    """Messages over kept connections."""
    return peers.loadkit(port, messages, folder, "--no-pipelining", "--tls", tls)


def _one_each(port: int, folder: Path, sessions: int) -> peers.Command:
    """Sessions that carry one message each, as many at a time as `_blast` keeps."""
    file = folder / f"one_each_{sessions}.yaml"
    file.write_text(
        f"scenario: one_each\ntarget: {{url: 'smtp://127.0.0.1:{port}', tls: starttls}}\n"
        "sessions: {messages_per_session: 1, pipelining: false}\n"
        f"load: {{executor: shared_messages, sessions: {peers.SESSIONS}, messages: {sessions}}}\n"
        f"messages: {{note: {{size: {peers.SIZE_BYTES}B}}}}\n"
    )
    return [sys.executable, "-m", "loadkit", "run", str(file), "--quiet", "--results", str(folder)]


def _bare(port: int, handshakes: int) -> peers.Command:
    return [sys.executable, str(peers.HERE / "with_openssl.py"), str(port), str(handshakes)]
