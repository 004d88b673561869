"""The blocks of a profile: service times, faults, limits, greylisting, outages and providers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, get_args

from pydantic import Field, model_validator

from loadkit.scenario.block import Block
from loadkit.scenario.findings import Finding, raise_findings
from loadkit.scenario.quantities import Duration, Number, PositiveDuration, Ratio, Size, WholeNumber, quantity_schema
from loadkit.units import DURATION_PATTERN
from sinks.behaviour.fields import FrequencyLimit, Pattern, ReplyText

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_STATION_QUEUE = 100_000

PhaseName = Literal["banner", "ehlo", "auth", "mail", "rcpt", "data", "dot"]
Act = Literal["close", "reset", "half_close", "hang", "garbage", "lose", "double"]

BROWN_OUT_REPLY = "451 4.3.2 System not accepting network messages, please try again later"
# As milter-greylist says.
GREYLIST_REPLY = "451 4.7.1 Greylisting in action, please come back later"
QUEUE_REPLY = "451 4.3.2 Server is busy, please try again later"


def _given(block: Block) -> list[str]:
    return [field.alias or name for name, field in type(block).model_fields.items() if getattr(block, name) is not None]


def _one_of(block: Block) -> Iterator[Finding]:
    if len(_given(block)) != 1:
        names = (field.alias or name for name, field in type(block).model_fields.items())
        yield Finding("must have exactly one key", fix=f"one of: {', '.join(names)}")


class Exponential(Block):
    """A time without memory, by its mean; a draw above the maximum becomes the maximum."""

    mean_s: PositiveDuration = Field(alias="mean")
    """The mean."""
    max_s: PositiveDuration | None = Field(None, alias="max")
    """The longest."""


class Lognormal(Block):
    """A log-normal time by its median and 95th percentile; a draw above the maximum becomes the maximum."""

    median_s: PositiveDuration = Field(alias="median")
    """The median."""
    p95_s: PositiveDuration = Field(alias="p95")
    """The 95th percentile."""
    max_s: PositiveDuration = Field(alias="max")
    """The longest."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.median_s < self.p95_s <= self.max_s:
            raise_findings([Finding("must be in order", fix="median < p95 <= max")])
        return self


class Pareto(Block):
    """A time with a heavy tail: P(T > t) = (least / t) ^ shape; a draw above the maximum becomes the maximum."""

    least_s: PositiveDuration = Field(alias="least")
    """The shortest."""
    shape: Number = Field(gt=0, le=100, allow_inf_nan=False)
    """How heavy the tail is: the smaller, the heavier."""
    max_s: PositiveDuration = Field(alias="max")
    """The longest."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.max_s < self.least_s:
            raise_findings([Finding("is below least", ("max",))])
        return self


class Delay(Block):
    """How long something takes: one distribution; a duration alone is a constant."""

    constant_s: Duration | None = Field(None, alias="constant")
    """Always the same."""
    exponential: Exponential | None = None
    """Without memory."""
    lognormal: Lognormal | None = None
    """Mostly short, sometimes long."""
    pareto: Pareto | None = None
    """With a heavy tail."""

    one_of = True
    shorthand = quantity_schema(DURATION_PATTERN, "5ms")

    @model_validator(mode="before")
    @classmethod
    def _from_duration(cls, value: object) -> object:
        return value if isinstance(value, dict | Delay) else {"constant": value}

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        raise_findings(_one_of(self))
        return self


class Station(Block):
    """A place with servers, at which work is done in order of arrival and waits while all servers are busy.

    Without `servers` nothing waits, and work only slows down as more of it is there at once. By the universal
    scalability law a service takes 1 + contention (N - 1) + coherency N (N - 1) times as long with N in the station.
    """

    servers: WholeNumber | None = Field(None, ge=1, le=10_000)
    """How many pieces of work are done at a time."""
    time: Delay
    """How long one takes."""
    contention: Number = Field(0.0, ge=0, le=1, allow_inf_nan=False)
    """Share of a service that must wait for the others'."""
    coherency: Number = Field(0.0, ge=0, le=1, allow_inf_nan=False)
    """Share of a service that each pair of them costs."""
    queue: WholeNumber = Field(1000, ge=0, le=MAX_STATION_QUEUE)
    """How many may wait; who comes then is refused."""
    reply: ReplyText = QUEUE_REPLY
    """What it is told."""

    @model_validator(mode="after")
    def _has_a_queue(self) -> Self:
        if self.servers is None and "queue" in self.model_fields_set:
            raise_findings([Finding("has no meaning where nothing waits", ("queue",), "give servers, or remove it")])
        return self


class StepTime(Delay):
    """How long a step takes: a distribution, or the wait and the service at a station."""

    station: Station | None = None
    """A place at which work waits for others."""


class Service(Block):
    """How long each step takes."""

    banner: StepTime | None = None
    """Before the greeting."""
    ehlo: StepTime | None = None
    """At EHLO or LHLO."""
    auth: StepTime | None = None
    """At a login."""
    mail: StepTime | None = None
    """At MAIL."""
    rcpt: StepTime | None = None
    """At RCPT."""
    data: StepTime | None = None
    """At DATA."""
    dot: StepTime | None = None
    """At the end of a message."""


class RecipientService(Block):
    """How long the steps take at which a recipient is known."""

    rcpt: StepTime | None = None
    """At RCPT."""
    dot: StepTime | None = None
    """At the end of a message."""


class Condition(Block):
    """When a fault applies: all that is given must hold. Recipient and domain hold if any of a message's do."""

    recipient: Pattern | None = None
    """A recipient's address, with * for anything."""
    domain: Pattern | None = None
    """A recipient's domain, with * for anything."""
    sender: Pattern | None = None
    """The sender's address, with * for anything."""
    larger_than_bytes: Size | None = Field(None, alias="larger_than")
    """Messages above this size."""
    sequence: tuple[WholeNumber, ...] | None = Field(None, min_length=1, max_length=100_000)
    """Numbers of a sender's messages."""
    nth: WholeNumber | None = Field(None, ge=1)
    """The nth time that the rest holds, and no other."""
    every: WholeNumber | None = Field(None, ge=1)
    """Every nth time that the rest holds."""
    probability: Ratio | None = None
    """A share by chance."""


class Action(Block):
    """What a fault does: one thing; a word alone is an act."""

    reply: ReplyText | None = None
    """Answer with this."""
    slow_reply_s: PositiveDuration | None = Field(None, alias="slow_reply")
    """Answer so much later."""
    slow_read_s: PositiveDuration | None = Field(None, alias="slow_read")
    """Read the content over so long."""
    act: Act | None = None
    """Break the connection, say nonsense, lose or double the message."""

    one_of = True
    shorthand: ClassVar[Mapping[str, Any]] = {"enum": list(get_args(Act))}

    @model_validator(mode="before")
    @classmethod
    def _from_word(cls, value: object) -> object:
        return value if isinstance(value, dict | Action) else {"act": value}

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        raise_findings(_one_of(self))
        return self


_KNOWN_AT: dict[str, tuple[PhaseName, ...]] = {
    "recipient": ("rcpt", "data", "dot"),
    "domain": ("rcpt", "data", "dot"),
    "sender": ("mail", "rcpt", "data", "dot"),
    "larger_than": ("mail", "dot"),
    "sequence": ("dot",),
}
_DONE_AT: dict[str, tuple[PhaseName, ...]] = {"slow_read": ("data",), "lose": ("dot",), "double": ("dot",)}


class Fault(Block):
    """One thing that goes wrong at one step."""

    phase: PhaseName
    """The step at which it happens."""
    when: Condition = Condition()
    """To which mail; to all unless told."""
    do: Action
    """What happens."""

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        raise_findings(self._impossible())
        return self

    def _impossible(self) -> Iterator[Finding]:
        for key in _given(self.when):
            phases = _KNOWN_AT.get(key)
            if phases and self.phase not in phases:
                yield Finding(f"is not known at {self.phase}", ("when", key), f"set phase to {' or '.join(phases)}")
        for key in (*_given(self.do), self.do.act or ""):
            phases = _DONE_AT.get(key)
            if phases and self.phase not in phases:
                yield Finding(f"{key} is not possible at {self.phase}", ("do",), f"set phase to {' or '.join(phases)}")


class RecipientFault(Fault):
    """A fault of a provider, at a step at which the recipient is known."""

    phase: Literal["rcpt", "dot"]
    """The step at which it happens."""


class Rates(Block):
    """Limits on connections and messages; windows begin with the first event and last one unit of time."""

    connections: FrequencyLimit | None = None
    """New connections per time."""
    messages: FrequencyLimit | None = None
    """Messages per time."""
    concurrent: WholeNumber | None = Field(None, ge=1, le=1_000_000)
    """Open connections."""


class MessageRates(Block):
    """Limits on messages."""

    messages: FrequencyLimit | None = None
    """Messages per time."""


class RecipientReplies(Block):
    """What a client is told where a limit is passed, as Postfix says it; ``{source}`` stands for its address."""

    messages: ReplyText = "450 4.7.1 Error: too much mail from {source}"
    """For too many messages."""
    recipients_per_message: ReplyText = "452 4.5.3 Error: too many recipients"
    """For too many recipients."""
    size: ReplyText = "552 5.3.4 Message size exceeds fixed limit"
    """For a message too large."""


class Replies(RecipientReplies):
    """What a client is told by the whole server."""

    connections: ReplyText = "421 4.7.0 sink.test Error: too many connections from {source}"
    """For too many new connections."""
    concurrent: ReplyText = "421 4.7.0 sink.test Error: too many connections from {source}"
    """For too many open connections."""
    messages_per_connection: ReplyText = "421 4.7.0 Too many messages in this connection"
    """For too many messages over one connection."""


class RecipientLimits(Block):
    """What a provider takes; a message counts at its first recipient there."""

    per_source: MessageRates = MessageRates()
    """From one address."""
    total: MessageRates = MessageRates()
    """From all."""
    recipients_per_message: WholeNumber | None = Field(None, ge=1, le=100_000)
    """Recipients of a message."""
    size_bytes: Size | None = Field(None, alias="size")
    """Size of a message."""
    replies: RecipientReplies = RecipientReplies()
    """What is said where a limit is passed."""


class Limits(Block):
    """What the server takes, from one source and from all."""

    per_source: Rates = Rates()
    """From one address."""
    total: Rates = Rates()
    """From all."""
    messages_per_connection: WholeNumber | None = Field(None, ge=1, le=1_000_000)
    """Messages over one connection."""
    recipients_per_message: WholeNumber | None = Field(None, ge=1, le=100_000)
    """Recipients of a message."""
    size_bytes: Size | None = Field(None, alias="size")
    """Size of a message."""
    replies: Replies = Replies()
    """What is said where a limit is passed."""


class Greylist(Block):
    """A recipient is refused until source and sender try again: no earlier than `delay`, no later than `window`.

    The triple is then known until nothing comes of it for as long as `keep`. The defaults are within what RFC 6647,
    section 5, recommends: a minute to a day for the retry, at least a week for what is known.
    """

    delay_s: PositiveDuration = Field(60.0, alias="delay")
    """The earliest second attempt that is taken."""
    window_s: PositiveDuration = Field(86_400.0, alias="window")
    """The latest."""
    keep_s: PositiveDuration = Field(604_800.0, alias="keep")
    """How long a known client, sender and recipient are remembered."""
    reply: ReplyText = GREYLIST_REPLY
    """What the first attempt is told."""

    @model_validator(mode="after")
    def _window_is_open(self) -> Self:
        if self.window_s <= self.delay_s:
            raise_findings([Finding("must be longer than delay", ("window",))])
        return self


class Outage(Block):
    """A time in which the server is not itself; times count from its start.

    In a brown-out every step takes `slower` times as long, and the share `failing` of messages is refused at MAIL.
    """

    at_s: Duration = Field(alias="at")
    """When it begins."""
    for_s: PositiveDuration = Field(alias="for")
    """How long it lasts."""
    every_s: PositiveDuration | None = Field(None, alias="every")
    """How often it comes again."""
    kind: Literal["stop_reading", "refuse", "restart", "brown_out"]
    """What happens."""
    slower: Number = Field(1.0, ge=1, le=1000, allow_inf_nan=False)
    """In a brown-out: factor on the time of every step."""
    failing: Ratio | None = None
    """In a brown-out: share of messages that is refused."""
    reply: ReplyText = BROWN_OUT_REPLY
    """What they are told."""

    _brown_out_keys: ClassVar[tuple[str, ...]] = ("slower", "failing", "reply")

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        raise_findings(self._wrong())
        return self

    def _wrong(self) -> Iterator[Finding]:
        if self.every_s is not None and self.every_s <= self.for_s:
            yield Finding("must be longer than the outage lasts", ("every",))
        if self.kind != "brown_out":
            for key in self._brown_out_keys:
                if key in self.model_fields_set:
                    yield Finding(f"has no meaning for {self.kind}", (key,), "remove it, or set kind to brown_out")


class Provider(Block):
    """A mail provider behind the sink: its share of the recipients that no provider claims by domain."""

    share: Ratio | None = None
    """Share of the recipients that no provider claims."""
    domains: tuple[Pattern, ...] = Field((), max_length=1000)
    """Domains of its recipients, with * for anything."""
    service: RecipientService = RecipientService()
    """How long its steps take."""
    faults: tuple[RecipientFault, ...] = Field((), max_length=1000)
    """What goes wrong there."""
    limits: RecipientLimits = RecipientLimits()
    """What it takes."""
    greylist: Greylist | None = None
    """Whether it refuses first attempts."""

    @model_validator(mode="after")
    def _has_recipients(self) -> Self:
        if self.share is None and not self.domains:
            raise_findings([Finding("has no recipients", fix="give share or domains")])
        return self
