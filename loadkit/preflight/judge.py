"""Facts to findings, in the order in which a session would meet them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadkit.preflight.finding import Finding, Preflight, Severity
from loadkit.preflight.judge_domain import judge_domain
from loadkit.preflight.judge_port import judge_names, judge_ports
from loadkit.preflight.judge_server import judge_server
from loadkit.preflight.judge_tls import judge_tls

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadkit.preflight.facts import Facts
    from loadkit.preflight.request import ProbeRequest


def judge(request: ProbeRequest, facts: Facts, now: float) -> Preflight:
    """What the facts mean for a run.

    Args:
        request: What was asked.
        facts: What was seen.
        now: Unix time.
    """
    return Preflight(str(request.target), tuple(_findings(request, facts, now)), facts.connections, facts.duration_s)


def _findings(request: ProbeRequest, facts: Facts, now: float) -> Iterator[Finding]:
    yield from judge_names(request, facts)
    yield from judge_ports(request, facts)
    yield from judge_server(request, facts)
    yield from judge_tls(request, facts, now)
    yield from judge_domain(request, facts)
    if facts.cut_short:
        yield Finding(
            Severity.NOTE,
            "time",
            f"cut after {facts.duration_s:.0f}s",
            "The target or DNS is slow; not everything was looked at.",
            "Look again when it is faster.",
        )
