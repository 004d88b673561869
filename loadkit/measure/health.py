"""The load generator's health, from samples of each of its processes and from the failures that are its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from loadkit.measure.reason import Reason
from loadkit.smtp.outcome import OutcomeClass
from loadkit.units import format_duration

if TYPE_CHECKING:
    from loadkit.measure.statistics import OutcomeCount
    from loadkit.measure.validity import GeneratorSample

CPU_MOST = 0.8
STALLED_MOST = 0.05
"""Share of the time for which the event loop may stand still: one reply in twenty is then read late."""
CLOCK_STEP_MOST_S = 0.05
CLOCK_SLEW_MOST = 500e-6
"""Share of time by which NTP corrects a clock without a step."""

NO_DESCRIPTOR, NO_PORT, NO_MEMORY = "no_descriptor_left", "no_local_port_left", "no_memory_left"
NO_ROUTE, NOT_PERMITTED = "no_route", "not_permitted"
_OWN_FAILURES = {
    NO_DESCRIPTOR: "no file descriptor was left (EMFILE)",
    NO_PORT: "no local port was left (EADDRNOTAVAIL)",
    NO_MEMORY: "the system had no memory left for connections (ENOBUFS or ENOMEM)",
    NO_ROUTE: "this machine had no route to the target (ENETUNREACH or ENETDOWN)",
    NOT_PERMITTED: "this machine's own firewall or policy forbade it (EPERM or EACCES)",
}
_FIXES = {
    NO_DESCRIPTOR: (
        "raise the limit in the shell that starts loadkit (ulimit -n 65536; the hard limit is set in "
        "/etc/security/limits.conf or by systemd's LimitNOFILE), or lower sessions.max"
    ),
    NO_PORT: (
        "widen the range (sysctl -w net.ipv4.ip_local_port_range='1024 65535'), name more addresses of this machine in "
        "sessions.local_addresses, or raise sessions.messages_per_session so that fewer connections are opened: one "
        "that was closed keeps its port for a minute"
    ),
    NO_MEMORY: "lower sessions.max, or raise net.ipv4.tcp_mem",
    NO_ROUTE: "see that the network is up and has a route: ip route get <address of the target>",
    NOT_PERMITTED: "allow connections to the target's port in this machine's outgoing rules",
}


def by_process(samples: Iterable[GeneratorSample]) -> list[list[GeneratorSample]]:
    """The samples of each process."""
    processes: dict[int, list[GeneratorSample]] = {}
    for sample in samples:
        processes.setdefault(sample.worker, []).append(sample)
    return [processes[worker] for worker in sorted(processes)]


def p95(values: Iterable[float]) -> float | None:
    """The 95th percentile (nearest rank); None without values."""
    known = list(values)
    return float(np.quantile(known, 0.95, method="inverted_cdf")) if known else None


def cpu_p95_by_process(samples: Sequence[GeneratorSample]) -> tuple[float, ...]:
    """The 95th percentile of the processor share by seconds, of each process."""
    shares = (p95(sample.cpu_ratio for sample in own) for own in by_process(samples))
    return tuple(share for share in shares if share is not None)


def sample_reasons(samples: Sequence[GeneratorSample], late_most_s: float) -> Iterator[Reason]:
    """What is wrong with the load generator's processes.

    Args:
        samples: Samples of the measured stages, of all processes.
        late_most_s: Lateness that is still small against what is measured.
    """
    processes = by_process(samples)
    for own in processes:
        who = f"process {own[0].worker}: " if len(processes) > 1 else ""
        yield from _processor(own, who)
        yield from _stalls(own, who, late_most_s)
        yield from _clock(own, who)


def _processor(samples: Sequence[GeneratorSample], who: str) -> Iterator[Reason]:
    """Too little processor time: the process used all it could, or wanted more and had to wait for others."""
    used = p95(sample.cpu_ratio for sample in samples) or 0.0
    wanted = p95(sample.cpu_ratio + sample.cpu_wait_ratio for sample in samples) or 0.0
    bound = f"below {CPU_MOST:.0%}"
    if used >= CPU_MOST:
        yield Reason(
            "generator_cpu",
            f"{who}generator CPU {used:.0%} of a core in the busiest seconds (p95)",
            bound,
            "the rate is the generator's limit, not the target's, and latencies include its own; lower the rate, or "
            "spread it over more processes",
        )
    elif wanted >= CPU_MOST:
        yield Reason(
            "generator_starved",
            f"{who}the generator wanted {wanted:.0%} of a core in the busiest seconds (p95) and got {used:.0%}: other "
            "processes had its core",
            bound,
            "give it a core of its own (taskset), a better priority (nice), or move what else runs to another machine",
        )


def _stalls(samples: Sequence[GeneratorSample], who: str, late_most_s: float) -> Iterator[Reason]:
    notable = [sample for sample in samples if sample.loop_stall_max_s > late_most_s]
    stalled_s = sum(sample.loop_stall_max_s for sample in notable)
    share = stalled_s / len(samples)
    if share <= STALLED_MOST:
        return
    collected_s = sum(min(sample.gc_pause_max_s, sample.loop_stall_max_s) for sample in notable)
    collector = collected_s >= stalled_s / 2
    yield Reason(
        "gc_pauses" if collector else "loop_stalls",
        f"{who}the event loop stood still for {share:.1%} of the time, {_rounded(max(_longest(notable)))} at once"
        + (", in pauses of the garbage collector" if collector else ""),
        f"at most {STALLED_MOST:.0%} in stalls above {_rounded(late_most_s)}",
        "replies were read late; "
        + (
            "keep fewer objects alive in listeners and locustfiles"
            if collector
            else "give the generator a core of its own, and let listeners and locustfiles not block"
        ),
    )


def _longest(samples: Iterable[GeneratorSample]) -> list[float]:
    return [sample.loop_stall_max_s for sample in samples]


def _clock(samples: Sequence[GeneratorSample], who: str) -> Iterator[Reason]:
    drift_s = np.array([0.0, *(sample.clock_drift_s for sample in samples)])
    at_s = np.array([0.0, *(sample.at_s for sample in samples)])
    step_s = float(np.max(np.abs(np.diff(drift_s)) - np.diff(at_s) * CLOCK_SLEW_MOST, initial=0.0))
    if step_s > CLOCK_STEP_MOST_S:
        yield Reason(
            "clock_step",
            f"{who}the wall clock stepped by {_rounded(step_s)} against the steady clock",
            f"at most {format_duration(CLOCK_STEP_MOST_S)}",
            "times until arrival are wrong by as much; let the clock be slewed (chrony, ntpd) or stop what sets it, "
            "and run again",
        )


def own_failures(outcomes: Iterable[OutcomeCount]) -> Iterator[Reason]:
    """Failures that this machine caused: one is enough, for it would count against the target.

    Args:
        outcomes: Ends of the measured messages and of all session set-ups.
    """
    messages: dict[str, int] = {}
    sessions: dict[str, int] = {}
    for one in outcomes:
        if one.outcome.kind is OutcomeClass.CLIENT:
            counts = messages if one.stage else sessions
            counts[one.outcome.reason] = counts.get(one.outcome.reason, 0) + one.count
    for name, what in _OWN_FAILURES.items():
        failed, unopened = messages.get(name, 0), sessions.get(name, 0)
        if failed or unopened:
            seen = f"{what} for {unopened:,} connections, and {failed:,} messages failed for it"
            yield Reason(name, seen, "never", _FIXES[name])


def _rounded(seconds: float) -> str:
    return format_duration(round(seconds, 3) or 0.001)
