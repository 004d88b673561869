"""Looking at servers on loopback and picking findings, for the tests beside this file."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from loadkit.preflight.finding import Finding, Preflight, Severity
from loadkit.preflight.judge import judge
from loadkit.preflight.probe import WHOLE_S, probe
from loadkit.preflight.request import Needs, ProbeRequest
from loadkit.scenario.guardrails import TargetAddress

if TYPE_CHECKING:
    from loadkit.preflight.facts import Facts

SENDER, RECIPIENT = "sender0@example.com", "user0@example.com"
ENVELOPE: dict[str, Any] = {"sender": SENDER, "recipient": RECIPIENT}


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look came to.

    Args:
        facts: What was seen.
        outcome: What it means.
    """

    facts: Facts
    outcome: Preflight

    def of(self, subject: str) -> list[Finding]:
        """The findings about a subject."""
        return [finding for finding in self.outcome.findings if finding.subject == subject]

    def one(self, subject: str) -> Finding:
        """The only finding about a subject."""
        (finding,) = self.of(subject)
        return finding

    @property
    def problems(self) -> list[str]:
        """Subjects of all problems."""
        return [finding.subject for finding in self.outcome.findings if finding.severity is Severity.PROBLEM]


def look(
    port: int,
    *,
    scheme: str = "smtp",
    host: str = "127.0.0.1",
    whole_s: float = WHOLE_S,
    request: dict[str, Any] | None = None,
    **needs: Any,
) -> Looked:
    """Look at a server.

    Args:
        port: Its port.
        scheme: As in a target's URL.
        host: Its name or address.
        whole_s: Seconds that all may take.
        request: Further fields of `ProbeRequest`.
        needs: Fields of `Needs`.
    """
    asked = ProbeRequest(TargetAddress(scheme, host, port), Needs(**needs), **(request or {}))
    facts = asyncio.run(probe(asked, whole_s))
    outcome = judge(asked, facts, time.time())
    for finding in outcome.findings:
        assert finding.seen
        assert finding.severity is Severity.OK or (finding.why and finding.fix), finding
    assert outcome.connections <= 10
    return Looked(facts, outcome)
