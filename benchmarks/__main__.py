"""``python -m benchmarks``: CPU per message of loadkit and its peers, as ratios, and the pacer's bounds."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from benchmarks import peers, spreading
from benchmarks.merging import compare_merging
from benchmarks.sinks import compare_sinks
from benchmarks.tls import compare_tls

ROUNDS = 5
GENERATOR_CORE, RECEIVER_CORE = 0, 1

Make = Callable[[int], peers.Command]


@contextmanager
def receiver() -> Iterator[int]:
    """A smtp-sink on the receiver's core; gives its port."""
    for port in range(25_250, 25_350):
        command = ["taskset", "-c", str(RECEIVER_CORE), "smtp-sink", *_as_root(), f"127.0.0.1:{port}", "1000"]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        time.sleep(0.5)
        if process.poll() is None:
            break
    else:
        raise SystemExit("no free port for smtp-sink")
    try:
        yield port
    finally:
        process.terminate()
        process.wait()


def _as_root() -> list[str]:
    return ["-u", "root"] if os.geteuid() == 0 else []


def cpu_s(command: peers.Command) -> float:
    """CPU seconds of a command on the generator's core, its children included."""
    process = subprocess.Popen(
        ["taskset", "-c", str(GENERATOR_CORE), *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    # A blast at full speed is INVALID as a measurement of the target; here only its own cost counts.
    if os.waitstatus_to_exitcode(status) not in (0, 4):
        raise SystemExit(f"{' '.join(command)} ended with {os.waitstatus_to_exitcode(status)}")
    return usage.ru_utime + usage.ru_stime


def cpu_per_message_us(make: Make, short: int, long: int) -> float:
    """CPU per message in microseconds, start-up left out by subtracting a short run from a long one."""
    return (cpu_s(make(long)) - cpu_s(make(short))) / (long - short) * 1e6


def compare(name: str, ours: Make, theirs: Make, bound: float, lengths: tuple[int, int]) -> bool:
    """Alternate both and print the median ratio against its bound."""
    short, long = lengths
    pairs = []
    for _ in range(ROUNDS):
        pairs.append((cpu_per_message_us(ours, short, long), cpu_per_message_us(theirs, short, long)))
        print(f"  {name}: {pairs[-1][0]:.1f} us against {pairs[-1][1]:.1f} us", file=sys.stderr)
    ratios = sorted(mine / other for mine, other in pairs)
    ratio = statistics.median(ratios)
    print(f"{name}: ratio {ratio:.2f} (bound {bound:.2f}; {ratios[0]:.2f} to {ratios[-1]:.2f} in {ROUNDS} rounds)")
    return ratio <= bound


def pacing(port: int, results: Path) -> bool:
    """5,000 Poisson arrivals per second from one core."""
    options = ["--rate", "5000/s", "--duration", "10s", "--pipelining", "--json"]
    command = peers.loadkit(port, 1, results, *options)
    del command[command.index("--messages") : command.index("--messages") + 2]
    done = subprocess.run(
        ["taskset", "-c", str(GENERATOR_CORE), *command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False
    )
    summary = json.loads(done.stdout)
    lag_s = summary["generator"]["lag_p99_s"]
    shed, offered = summary["flows"]["shed"]["count"], summary["flows"]["offered"]["count"]
    started = summary["flows"]["started"]["count"]
    print(f"pacing at 5,000/s: p99 schedule lag {lag_s * 1e3:.2f} ms (bound 2.00), shed {shed} of {offered:,}")
    return bool(lag_s <= 2e-3 and not shed and started / offered >= 0.999)


def main() -> int:
    """Run the comparisons; the exit code is 1 if a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--long", type=int, default=60_000, help="messages of a long run")
    parser.add_argument("--only", choices=list(COMPARISONS), help="leave out the others")
    arguments = parser.parse_args()
    missing = [name for name in ("smtp-source", "smtp-sink", "taskset") if shutil.which(name) is None]
    if missing:
        print(f"not installed: {', '.join(missing)} (Debian: postfix, util-linux)")
        return 1
    met = [True]
    for name, compare_all in COMPARISONS.items():
        if arguments.only in (None, name):
            met.append(compare_all(arguments.long))
    return 0 if all(met) else 1


def compare_generators(messages: int) -> bool:
    """Compare loadkit with its peers as a generator; True if every bound is met.

    Args:
        messages: How many a long run sends.
    """
    lengths = (messages // 6, messages)
    slow = (messages // 12, messages // 4)
    with receiver() as port, tempfile.TemporaryDirectory() as folder:
        ours = partial(_ours, port, Path(folder))
        source = partial(peers.smtp_source, port)
        met = [
            compare("loadkit / smtp-source", ours, source, 1.15, lengths),
            compare("loadkit pipelining / smtp-source", partial(ours, pipelining=True), source, 0.65, lengths),
            compare("loadkit / Locust + smtplib", ours, partial(peers.locust_smtplib, port), 1 / 3, slow),
            compare("loadkit / aiosmtplib", ours, partial(peers.aiosmtplib, port), 1 / 5, slow),
            pacing(port, Path(folder)),
        ]
    return all(met)


def compare_spreading(messages: int) -> bool:
    """Compare master and workers together with one process that sends the same; True if every bound is met.

    Args:
        messages: How many a long run sends.
    """
    lengths = (messages // 6, messages)
    with receiver() as port, tempfile.TemporaryDirectory() as folder:
        over = partial(spreading.closed_loop, port, Path(folder))
        met = [
            compare("one worker / one process", partial(over, 1), partial(over, 0), 1.1, lengths),
            compare("two workers / one process", partial(over, 2), partial(over, 0), 1.1, lengths),
        ]
    return all([*met, compare_merging()])


def _ours(port: int, results: Path, messages: int, *, pipelining: bool = False) -> peers.Command:
    return peers.loadkit(port, messages, results, "--pipelining" if pipelining else "--no-pipelining")


COMPARISONS = {
    "generators": compare_generators,
    "sinks": compare_sinks,
    "tls": compare_tls,
    "spreading": compare_spreading,
}


if __name__ == "__main__":
    raise SystemExit(main())
