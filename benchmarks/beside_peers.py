"""Every generator on the same work, and a table: what a message costs, how fast they go, what each can't do."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.peers import PEERS, Peer, Work, jmeter_left_out, read_lacks
from benchmarks.receivers import Receiver, smtp_sink
from benchmarks.running import Spread, alternate, run


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement, by the difference of a long run and a short one, so that start-up is left out.

    Args:
        cpu_us: CPU per message in microseconds.
        rate_per_s: Messages per second.
        messages: How many the receiver counted in both.
    """

    cpu_us: float
    rate_per_s: float
    messages: int


@dataclass(frozen=True, slots=True)
class Row:
    """What was measured of one generator.

    Args:
        name: What it is called.
        cpu_us: CPU per message in microseconds.
        ratio: That of the first generator, loadkit, divided by it, within each round.
        rate_per_s: Messages per second.
        messages: How many the receiver counted in all rounds.
    """

    name: str
    cpu_us: Spread
    ratio: Spread
    rate_per_s: Spread
    messages: int


@dataclass(frozen=True, slots=True)
class Table:
    """The comparison.

    Args:
        rows: The generators that ran.
        left_out: Those that did not, with the reason.
        lacks: By tool and feature, what it can't do or only partly, with the source.
    """

    rows: tuple[Row, ...]
    left_out: dict[str, str]
    lacks: dict[str, dict[str, str]]

    def __str__(self) -> str:
        words = [f"{tool}: {feature}: {told}" for tool, lacks in self.lacks.items() for feature, told in lacks.items()]
        return "\n".join([*self._figures(), "", "What each can't do, and where that is to be read:", *words])

    def _figures(self) -> list[str]:
        lines = [f"{'generator':<20}{'CPU us/message':>24}{'loadkit / it':>14}{'messages/s':>12}{'counted':>10}"]
        for row in self.rows:
            cpu = f"{row.cpu_us.median:,.1f} ({row.cpu_us.low:,.1f}-{row.cpu_us.high:,.1f})"
            figures = f"{cpu:>24}{row.ratio.median:>14.3f}{row.rate_per_s.median:>12,.0f}{row.messages:>10,}"
            lines.append(f"{row.name:<20}{figures}")
        return lines + [f"{name:<20}left out: {why}" for name, why in self.left_out.items()]


def measure(peer: Peer, receiver: Receiver, folder: Path, messages: int) -> Sample:
    """Let a generator send, and count at the receiver.

    Args:
        peer: The generator.
        receiver: A sink that counts.
        folder: For the generator's files.
        messages: How many the fastest generator sends in a long run.

    Raises:
        SystemExit: The receiver counted fewer than were to be sent.
    """
    costs, counts = [], []
    for wanted in peer.lengths(messages):
        before = receiver.messages()
        stop_after_s = wanted / peer.rate_per_s if peer.rate_per_s else None
        costs.append(run(peer.command(Work(receiver.port, wanted, folder)), stop_after_s=stop_after_s))
        counts.append((receiver.settled() if stop_after_s else receiver.messages()) - before)
        if counts[-1] == 0 or (stop_after_s is None and counts[-1] != wanted):
            raise SystemExit(f"{peer.name} sent {counts[-1]:,} messages of {wanted:,}")
    cost, count = costs[1] - costs[0], counts[1] - counts[0]
    return Sample(cost.cpu_s / count * 1e6, count / cost.wall_s, sum(counts))


def compare_peers(messages: int, rounds: int) -> Table:
    """Run all that are installed in alternation.

    Args:
        messages: How many the fastest generator sends in a long run.
        rounds: How often each is measured.
    """
    reasons = {peer.name: peer.left_out() for peer in PEERS}
    peers = [peer for peer in PEERS if not reasons[peer.name]]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with smtp_sink(folder / "counts") as receiver:
            measures = [partial(measure, peer, receiver, folder, messages) for peer in peers]
            samples = list(alternate("peers", rounds, measures))
    left_out = {name: why for name, why in {**reasons, "JMeter": jmeter_left_out()}.items() if why}
    return Table(tuple(_row(peer, place, samples) for place, peer in enumerate(peers)), left_out, read_lacks())


def _row(peer: Peer, place: int, samples: Sequence[tuple[Sample, ...]]) -> Row:
    own = [taken[place] for taken in samples]
    return Row(
        peer.name,
        Spread.of([sample.cpu_us for sample in own]),
        Spread.of([taken[0].cpu_us / taken[place].cpu_us for taken in samples]),
        Spread.of([sample.rate_per_s for sample in own]),
        sum(sample.messages for sample in own),
    )
