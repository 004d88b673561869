"""Which mail provider a recipient belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sinks.behaviour.faults import domain_of
from sinks.behaviour.fields import matcher
from sinks.behaviour.judge import Judge
from sinks.behaviour.limits import RecipientGate
from sinks.behaviour.memory import mark_of

if TYPE_CHECKING:
    import re
    from random import Random

    from sinks.behaviour.memory import Memory
    from sinks.behaviour.profile import Profile


class Providers:
    """The providers behind a sink.

    Args:
        profile: Says which there are.
        memory: What they remember.
        dice: Seeded source of randomness.

    Attributes:
        phases: Where any of them may have something to say.
    """

    def __init__(self, profile: Profile, memory: Memory, dice: Random) -> None:
        self._seed = b"%d" % profile.seed
        self._by_domain: list[tuple[re.Pattern[bytes], Judge]] = []
        self._by_share: list[tuple[float, Judge]] = []
        reached = 0.0
        self.phases: frozenset[str] = frozenset()
        for name, provider in profile.providers.items():
            key = b"provider " + name.encode()
            judge = Judge(provider, RecipientGate(provider.limits, key, memory), key, memory, dice)
            self.phases |= judge.phases
            self._by_domain += [(matcher(domain), judge) for domain in provider.domains]
            if provider.share:
                reached += provider.share
                self._by_share.append((reached, judge))

    def of(self, address: bytes) -> Judge | None:
        """The provider that has a domain in its list, else the one that the address falls to by its share.

        The same seed gives an address to the same provider, in every process.
        """
        domain = domain_of(address)
        for pattern, judge in self._by_domain:
            if pattern.match(domain):
                return judge
        if self._by_share:
            place = mark_of(self._seed, address) / 2**64
            for reached, judge in self._by_share:
                if place < reached:
                    return judge
        return None
