"""How a far end behaves: a profile at work. It reads no clock and does no I/O; the sink carries out what it answers."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from itertools import chain
from random import Random
from typing import TYPE_CHECKING

from loadkit.smtp.outcome import Phase
from sinks.answers import Answer
from sinks.behaviour.judge import Judge
from sinks.behaviour.limits import Gate
from sinks.behaviour.outages import Calendar
from sinks.behaviour.providers import Providers
from sinks.behaviour.step import Caller, Deed, Step, deed_of_reply

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sinks.behaviour.memory import Memory
    from sinks.behaviour.policy import Outage
    from sinks.behaviour.profile import Profile


class Behaviour:
    """A profile at work: the same seed and the same events give the same answers.

    Args:
        profile: The profile.
        memory: What it remembers; processes that share it count together.
        now: Monotonic time in seconds from which outages count.
        index: Number of the process, so that each has random numbers of its own.

    Attributes:
        profile: The profile.
        max_size_bytes: The largest message that it takes, or None.
        counts: How often it did something else than the usual at once, by phase and what was done: a reply code, an
            act of a fault, or ``delay``.
    """

    def __init__(self, profile: Profile, memory: Memory, *, now: float, index: int = 0) -> None:
        self.profile = profile
        self.max_size_bytes = profile.limits.size_bytes
        self.counts: Counter[tuple[str, str]] = Counter()
        self._dice = Random(f"{profile.seed} {index}")
        self._gate = Gate(profile.limits, memory)
        self._house = Judge(profile, self._gate, b"house", memory, self._dice)
        self._providers = Providers(profile, memory, self._dice)
        self._calendar = Calendar(profile.outages, now)
        self._brown_out: Outage | None = None
        self._turns_at = now if profile.outages else math.inf
        self._phases = frozenset(self._house.phases | self._providers.phases | _noted_phases(profile))
        if Phase.RCPT in self._phases:
            self._phases |= {Phase.MAIL}  # a new envelope

    def visit(self, source: str) -> Visit:
        """Begin a connection.

        Args:
            source: The client's IP address.
        """
        return Visit(self, Caller(source))

    def outage(self, now: float) -> Outage | None:
        """The outage that is under way at a monotonic time."""
        return self._calendar.under_way(now)

    def next_change_s(self, now: float) -> float | None:
        """The monotonic time after `now` at which an outage begins or ends; None if never."""
        return self._calendar.next_change_s(now)

    def concerns(self, phase: Phase, now: float) -> bool:
        """Whether anything may happen at a step; all others cost no more than this."""
        if now >= self._turns_at:
            outage = self._calendar.under_way(now)
            self._brown_out = outage if outage is not None and outage.kind == "brown_out" else None
            next_s = self._calendar.next_change_s(now)
            self._turns_at = math.inf if next_s is None else next_s
        return phase in self._phases

    def provider_of(self, recipient: bytes) -> Judge | None:
        """The provider that a recipient belongs to, if any."""
        return self._providers.of(recipient)

    def leave(self, entered: list[int]) -> None:
        """Count a connection as closed that `decide` counted as open."""
        self._gate.leave(entered)

    def decide(self, step: Step, at_providers: Iterable[tuple[Judge, Step]]) -> Answer | None:
        """What is done at a step.

        Args:
            step: The step as the whole server sees it.
            at_providers: The step as each provider sees it that has a part in it. They are asked where the server has
                nothing to say; the slowest of them sets the time.

        Returns:
            The answer, or None for the usual one at once.
        """
        slower = self._brown_out.slower if self._brown_out else 1.0
        deed = self._failure(step) or self._house.deed(step)
        delay_s, full = self._house.serve(step, slower)
        deed = deed or full
        if deed is None:
            provider_s = 0.0
            for judge, own_step in at_providers:
                deed = deed or judge.deed(own_step)
                time_s, full = judge.serve(own_step, slower)
                deed, provider_s = deed or full, max(provider_s, time_s)
            delay_s += provider_s
        if deed is not None:
            self.counts[step.phase, deed.what] += 1
        if not delay_s:
            return deed.answer if deed else None
        self.counts[step.phase, "delay"] += 1
        return _delayed(deed.answer, delay_s) if deed else Answer(delay_s=delay_s)

    def _failure(self, step: Step) -> Deed | None:
        outage = self._brown_out
        if outage and step.phase == Phase.MAIL and outage.failing and self._dice.random() < outage.failing:
            return deed_of_reply(outage.reply, source=step.caller.source)
        return None


class Visit:
    """One connection, as the behaviour sees it.

    Args:
        behaviour: Decides.
        caller: The client.
    """

    __slots__ = ("_accepted", "_behaviour", "_caller", "_entered", "_messages", "_recipients", "_sender", "_verdicts")

    def __init__(self, behaviour: Behaviour, caller: Caller) -> None:
        self._behaviour = behaviour
        self._caller = caller
        self._messages = 0
        self._entered: list[int] = []
        self.reset()

    def meet(
        self, phase: Phase, now: float, *, argument: bytes = b"", size_bytes: int = 0, seq: int | None = None
    ) -> Answer | None:
        """What is done at a step that the sink by itself would take.

        Args:
            phase: The step: BANNER before the greeting, EHLO, AUTH, MAIL, RCPT, DATA before 354 or the content of
                BDAT, DOT before the final reply.
            now: Monotonic time in seconds.
            argument: Reverse path at MAIL, forward path at RCPT, without angle brackets. The sink bounds their number.
            size_bytes: Declared size at MAIL, or 0; size of the content at DOT.
            seq: Sequence number of a loadkit message at DOT.

        Returns:
            The answer, or None for the usual one at once.
        """
        behaviour = self._behaviour
        if not behaviour.concerns(phase, now):
            return None
        if phase is Phase.MAIL:
            self.reset()
            self._messages += 1
            self._sender = argument.lower()
        step = Step(
            phase,
            now,
            self._caller,
            sender=self._sender,
            size_bytes=size_bytes,
            seq=seq,
            messages=self._messages,
            accepted=self._accepted,
            verdicts=self._verdicts,
            entered=self._entered,
        )
        if phase is not Phase.RCPT:
            if not self._recipients:
                return behaviour.decide(step, ())
            step.recipients = list(chain.from_iterable(self._recipients.values()))
            return behaviour.decide(step, self._at_providers(step))
        recipient = argument.lower()
        judge = behaviour.provider_of(recipient)
        step.recipients = [recipient]
        answer = behaviour.decide(step, [(judge, self._at_provider(judge, step))] if judge else ())
        if answer is None or (answer.reply is None and answer.ending is None):
            self._recipients.setdefault(judge, []).append(recipient)
            self._accepted += 1
        return answer

    def reset(self) -> None:
        """Forget the envelope: after RSET, EHLO and the end of a transaction."""
        self._sender = b""
        self._recipients: dict[Judge | None, list[bytes]] = {}
        self._accepted = 0
        self._verdicts: dict[object, Deed | None] = {}

    def leave(self) -> None:
        """The connection is gone; more than once is as good as once."""
        self._behaviour.leave(self._entered)

    def _at_providers(self, step: Step) -> Iterator[tuple[Judge, Step]]:
        if step.phase == Phase.DOT:
            for judge in self._recipients:
                if judge is not None:
                    yield judge, self._at_provider(judge, step)

    def _at_provider(self, judge: Judge, step: Step) -> Step:
        """The step with the provider's own recipients only."""
        own = self._recipients.get(judge, [])
        recipients = step.recipients if step.phase == Phase.RCPT else own
        return replace(step, recipients=recipients, accepted=len(own))


def _noted_phases(profile: Profile) -> set[str]:
    """Steps that must be seen so that later ones can be judged: the sender at MAIL, recipients at RCPT."""
    conditions = {key for fault in profile.faults for key in fault.when.model_fields_set}
    needs_sender = profile.greylist is not None or "sender" in conditions
    needs_recipients = bool(conditions & {"recipient", "domain"}) or bool(profile.providers)
    fails = any(outage.kind == "brown_out" for outage in profile.outages)
    return ({"mail"} if needs_sender or fails else set()) | ({"rcpt"} if needs_recipients else set())


def _delayed(answer: Answer, delay_s: float) -> Answer:
    return replace(answer, delay_s=answer.delay_s + delay_s)
