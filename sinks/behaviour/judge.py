"""The rules of the whole server or of one provider behind it, tried in their order at each step."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from sinks.behaviour.delays import sampler
from sinks.behaviour.faults import Rule
from sinks.behaviour.greylist import Greylister
from sinks.behaviour.limits import Gate, RecipientGate
from sinks.behaviour.policy import MAX_STATION_QUEUE
from sinks.behaviour.station import StationQueue
from sinks.behaviour.step import deed_of_reply

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from sinks.behaviour.memory import Memory
    from sinks.behaviour.policy import Provider, RecipientService, Service, Station
    from sinks.behaviour.profile import Profile
    from sinks.behaviour.step import Deed, Step

Served = tuple[float, "Deed | None"]


class Judge:
    """Limits, greylisting, faults and service times.

    Args:
        rules: The profile or one of its providers.
        gate: Its limits.
        key: Names it.
        memory: What is remembered.
        dice: Seeded source of randomness.

    Attributes:
        phases: Where any of the rules may apply.
    """

    def __init__(
        self, rules: Profile | Provider, gate: Gate | RecipientGate, key: bytes, memory: Memory, dice: Random
    ) -> None:
        self._gate = gate
        self._gated = frozenset(gate.phases)
        self._greylister = Greylister(rules.greylist, key + b" greylist", memory) if rules.greylist else None
        self._rules: dict[str, list[Rule]] = defaultdict(list)
        for number, fault in enumerate(rules.faults):
            self._rules[fault.phase].append(Rule(fault, b"%b %d" % (key, number), memory, dice))
        self._service = _servers_of(rules.service, dice)
        self.phases = self._gated | self._rules.keys() | self._service.keys() | ({"rcpt"} if rules.greylist else set())

    def deed(self, step: Step) -> Deed | None:
        """What the first rule that applies does."""
        if step.phase in self._gated and (deed := self._gate.deed(step)):
            return deed
        if self._greylister and step.phase == "rcpt" and (deed := self._greylister.deed(step)):
            return deed
        for rule in self._rules.get(step.phase, ()):
            if deed := rule.deed(step):
                return deed
        return None

    def serve(self, step: Step, slower: float) -> Served:
        """Seconds that the step takes, and the refusal where a station's queue is full."""
        serve = self._service.get(step.phase)
        return serve(step, slower) if serve else (0.0, None)


def _servers_of(service: Service | RecipientService, dice: Random) -> dict[str, Callable[[Step, float], Served]]:
    servers: dict[str, Callable[[Step, float], Served]] = {}
    for phase in type(service).model_fields:
        time = getattr(service, phase)
        if time is not None:
            servers[phase] = _station(time.station, dice) if time.station else _timer(sampler(time, dice))
    return servers


def _timer(draw: Callable[[], float]) -> Callable[[Step, float], Served]:
    return lambda _step, slower: (draw() * slower, None)


def _station(station: Station, dice: Random) -> Callable[[Step, float], Served]:
    queue = StationQueue(
        station.servers,
        sampler(station.time, dice),
        contention=station.contention,
        coherency=station.coherency,
        room=station.queue if station.servers else MAX_STATION_QUEUE,
    )

    def serve(step: Step, slower: float) -> Served:
        delay_s = queue.serve(step.now, slower)
        if delay_s is None:
            return 0.0, deed_of_reply(station.reply, source=step.caller.source)
        return delay_s, None

    return serve
