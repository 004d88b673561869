"""From an arrival to the bytes of its transaction."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from loadkit.scenario.arrivals import Schedule
from loadkit.scenario.mix import Mix
from loadkit.scenario.sharing import Stripe
from loadkit.scenario.steering import Steering, steered_times
from loadkit.smtp.dialogue import Dialogue
from loadkit.smtp.message import IdHeaders, Particulars
from loadkit.smtp.state import Transaction

_CLOSED_LOOP_BLOCK = 4096
_new = tuple.__new__


class Arrival(NamedTuple):
    """One message that the scenario wants sent.

    Args:
        seq: Its number within the sender.
        intended_s: When, in seconds since the run's start.
        stage: Index of its stage.
        kind: Index of its message kind.
        variant: Index of its template within the kind.
        size_bytes: Size of its content.
        sender: Index of its sender address.
        first_recipient: Index of its first recipient address.
        recipients: How many recipients, at following indexes.
    """

    seq: int
    intended_s: float
    stage: int
    kind: int
    variant: int
    size_bytes: int
    sender: int
    first_recipient: int
    recipients: int


def scheduled_arrivals(schedule: Schedule, mix: Mix, stripe: Stripe) -> Iterator[Arrival]:
    """The arrivals of an open loop in order of their intended times, as far as they are in the stripe."""
    first = 0
    for block in schedule.blocks():
        times_s = block if stripe.whole else block[stripe.places(first, len(block))]
        stages = schedule.stage_of(times_s).tolist()
        messages = _messages(first, len(block), mix, stripe)
        for intended_s, stage, message in zip(times_s.tolist(), stages, messages, strict=True):
            number, *rest = message
            yield Arrival(number, intended_s, stage, *rest)
        first += len(block)


def steered_arrivals(schedule: Schedule, mix: Mix, steering: Steering, stripe: Stripe) -> Iterator[Arrival]:
    """The arrivals of an open loop whose rate someone changes meanwhile."""
    messages = ClosedLoop(mix, 0.0, None, stripe)
    for intended_s, stage in steered_times(schedule, steering):
        arrival = messages.take(intended_s)
        assert arrival is not None
        yield arrival._replace(stage=stage)


class ClosedLoop:
    """The arrivals of a closed loop: each is intended at the moment it is taken.

    Args:
        mix: What to send.
        warm_up_s: Length of the first stage in seconds; 0 if there is only one stage.
        messages: How many arrivals there are in all; None for no bound.
        stripe: Which of them to take.
    """

    def __init__(self, mix: Mix, warm_up_s: float, messages: int | None, stripe: Stripe) -> None:
        blocks = (_messages(first, _CLOSED_LOOP_BLOCK, mix, stripe) for first in itertools.count(0, _CLOSED_LOOP_BLOCK))
        own = None if messages is None else stripe.before(messages)
        self._messages = itertools.islice(itertools.chain.from_iterable(blocks), own)
        self._warm_up_s = warm_up_s

    def take(self, now_s: float) -> Arrival | None:
        """The next arrival, or None if there is none left.

        Args:
            now_s: Seconds since the run's start.
        """
        message = next(self._messages, None)
        if message is None:
            return None
        stage = 1 if 0 < self._warm_up_s <= now_s else 0
        number, kind, variant, size, sender, first, recipients = message
        # A third of the cost of the named constructor.
        return _new(Arrival, (number, now_s, stage, kind, variant, size, sender, first, recipients))


def _messages(first: int, count: int, mix: Mix, stripe: Stripe) -> Iterator[tuple[int, ...]]:
    """The messages of a stripe among some of a run: every worker draws them all, so that each is the same everywhere.

    A draw costs 0.1 us a message.
    """
    draws = mix.draw(count)
    columns = [draws.kind, draws.variant, draws.size_bytes, draws.sender, draws.first_recipient, draws.recipients]
    if not stripe.whole:
        places = stripe.places(first, count)
        columns = [column[places] for column in columns]
    number = stripe.before(first)
    return zip(range(number, number + len(columns[0])), *map(np.ndarray.tolist, columns), strict=True)


class Composer:
    """Builds transactions.

    Args:
        mix: The scenario's messages and addresses.
        run_id: The run's id.
        sender_index: The sender's number within the run.
        epoch_unix_s: Unix time of the run's start.
        epoch_s: The same moment on the clock that `compose` is given.
    """

    def __init__(self, mix: Mix, run_id: str, sender_index: int, *, epoch_unix_s: float, epoch_s: float) -> None:
        self._templates = mix.templates
        self._kinds = [kind.encode() for kind in mix.kinds]
        self._senders = _Addresses(mix.sender_address(0))
        self._recipients = _Addresses(mix.recipient_address(0))
        self._recipient_count = mix.recipient_count
        utf8 = (b"SMTPUTF8",) if self._senders.utf8 or self._recipients.utf8 else ()
        # Each extension once: a parameter of MAIL given twice is an error.
        self._needs = [[tuple(dict.fromkeys(utf8 + template.needs)) for template in kind] for kind in mix.templates]
        self._ids = IdHeaders(run_id, sender_index)
        self._epoch_unix_s = epoch_unix_s
        self._to_unix_s = epoch_unix_s - epoch_s

    def compose(self, arrival: Arrival, dialogue: Dialogue, now: float) -> Transaction:
        """The transaction of an arrival, in the form that the dialogue's server takes."""
        seq, intended_s, _, kind, variant, size_bytes, sender, first, recipients = arrival
        template = self._templates[kind][variant]
        sent_unix_s = self._to_unix_s + now
        ids = self._ids.lines(seq, self._epoch_unix_s + intended_s, sent_unix_s, self._kinds[kind])
        render = template.render_bdat if dialogue.chunking else template.render_data
        return Transaction(
            self._senders.pattern % sender,
            (self._recipients.pattern % first,) if recipients == 1 else self._recipients_from(first, recipients),
            render(ids, size_bytes, _new(Particulars, (seq, sent_unix_s, sender, first))),
            size_bytes,
            self._needs[kind][variant],
        )

    def _recipients_from(self, first: int, recipients: int) -> tuple[bytes, ...]:
        pattern, count = self._recipients.pattern, self._recipient_count
        return tuple([pattern % ((first + number) % count) for number in range(recipients)])


class _Addresses:
    """Numbered addresses, made by one formatting operation each: ``pattern % number``."""

    def __init__(self, first: str) -> None:
        head, _, domain = first.rpartition("0@")
        self.pattern = head.encode().replace(b"%", b"%%") + b"%d@" + domain.encode()
        self.utf8 = not first.isascii()
