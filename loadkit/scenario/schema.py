"""The scenario as a value: one frozen model per YAML block, each checking what it can check on its own."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)

from loadkit.errors import LoadkitError
from loadkit.scenario.block import Block, FileBlock
from loadkit.scenario.calendar import campaign_timetable, stood_in
from loadkit.scenario.campaign import Campaign
from loadkit.scenario.channels import SMTP, Channel, channel_findings, left_out_kinds
from loadkit.scenario.content import Attachment, Content, Signature, field_findings
from loadkit.scenario.curve import Curve
from loadkit.scenario.distributions import Constant
from loadkit.scenario.findings import Finding, FindingsError, KeyPath, raise_findings, suggest
from loadkit.scenario.guardrails import (
    TargetAddress,
    ascii_domain,
    check_recipient_domain,
    parse_target_url,
)
from loadkit.scenario.limits import Guardrails
from loadkit.scenario.processes import POISSON, Arrivals
from loadkit.scenario.quantities import (
    MAX_DURATION_S,
    MAX_RATE_PER_S,
    MAX_SIZE_BYTES,
    Duration,
    Flag,
    Number,
    PositiveDuration,
    Rate,
    Ratio,
    RecipientsDistribution,
    SizeDistribution,
    WholeNumber,
)
from loadkit.scenario.sessions import Sessions
from loadkit.scenario.shapes import Shape
from loadkit.scenario.texts import (
    AddressDomain,
    AllowedHost,
    Corpus,
    EnvironmentName,
    HeaderText,
    LocalPart,
    Name,
    Prose,
    SinkUrl,
    TargetUrl,
)
from loadkit.scenario.threshold_schema import ThresholdsSchema
from loadkit.scenario.thresholds import Threshold, ThresholdError, parse_metric_key, parse_threshold
from loadkit.scenario.timetable import Leg, StageSpan, Timetable
from loadkit.smtp.fields import Correspondents, NumberedAddress, parse_text
from loadkit.smtp.transfer import Transfer
from loadkit.units import format_duration, format_rate, format_size

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_STAGES = 1000
MAX_MESSAGES = 2**31 - 1  # a ledger numbers the messages of a run with 31 bits

DEFAULT_SUBJECT = "loadkit message"
WARM_UP_STAGE = "warm-up"
MAIN_STAGE = "main"

Executor = Literal["arrival_rate", "sessions", "shared_messages"]
OnWorkerLoss = Literal["continue", "stop"]


class Auth(Block):
    """How a session logs in; the secrets stay in the environment."""

    mechanism: Literal["plain", "login", "cram-md5", "xoauth2"]
    """How the login is said."""
    username_env: EnvironmentName
    """The environment variable that holds the user's name."""
    password_env: EnvironmentName
    """The environment variable that holds the password or token."""


class Target(Block):
    """Where load goes and how it is reached."""

    url: TargetUrl | None = None
    """smtp://, smtps:// (TLS from the start) or lmtp://host:port; ${NAME} takes a part from the environment."""
    allow: tuple[AllowedHost, ...] = ()
    """Hosts, or host:port, that may be loaded besides this machine. Only servers that you may load."""
    tls: Literal["none", "starttls"] = "none"
    """Whether STARTTLS is asked for."""
    verify: Flag | None = None
    """Whether certificates are verified: everywhere but on this machine unless told."""
    tls_minimum: Literal["1.2", "1.3"] = "1.2"
    """The oldest version of TLS that is spoken."""
    sink_profile: Name | None = None
    """How the bundled sink behaves where no server is named: the name of a shipped profile."""
    auth: Auth | None = None
    """Login, with the secrets in the environment."""

    @property
    def address(self) -> TargetAddress | None:
        """The target as given in the scenario, or None where the command line names one."""
        return parse_target_url(self.url) if self.url is not None else None

    def verifies(self, address: TargetAddress) -> bool:
        """Whether the certificate of a target is verified: as told, else everywhere but on this machine."""
        return not address.loopback if self.verify is None else self.verify

    @model_validator(mode="after")
    def _one_kind_of_tls(self) -> Self:
        if self.tls == "starttls" and self.address is not None and self.address.implicit_tls:
            raise FindingsError(Finding("smtps:// is TLS from the start", ("tls",), "leave tls out, or use smtp://"))
        return self

    @model_validator(mode="after")
    def _has_tls_to_demand_of(self) -> Self:
        plain = self.tls == "none" and self.address is not None and not self.address.implicit_tls
        if self.tls_minimum != "1.2" and plain:
            raise FindingsError(
                Finding("there is no TLS to demand a version of", ("tls_minimum",), "set tls: starttls")
            )
        return self


class Stage(Block):
    """A piece of the rate curve.

    `rate` holds, `from` and `to` ramp, `to` alone ramps from where the last one ended, `shape` is all else. The
    duration may be left out where the shape has a length of its own.
    """

    name: Name
    """Its name in results and thresholds."""
    duration_s: PositiveDuration | None = Field(None, alias="duration")
    """How long it lasts; may be left out where the shape has a length of its own."""
    rate_per_s: Rate | None = Field(None, alias="rate")
    """Messages per time, all through the stage."""
    from_per_s: Rate | None = Field(None, alias="from")
    """Messages per time at its start; where the last stage ended unless told."""
    to_per_s: Rate | None = Field(None, alias="to")
    """Messages per time at its end."""
    shape: Shape | None = None
    """Messages per time over the stage in any other form."""
    measure: Flag = True
    """Whether it counts in the results; false for a warm-up."""

    @property
    def length_s(self) -> float:
        """How long it lasts in seconds: its duration, or its shape's own length."""
        own_s = self.shape.length_s if self.shape is not None else None
        return self.duration_s or own_s or 0.0

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        ramp = self.from_per_s is not None or self.to_per_s is not None
        if self.rate_per_s is not None and ramp:
            raise FindingsError(Finding("both holds and ramps", fix="give rate, or from and to"))
        if self.shape is not None and (ramp or self.rate_per_s is not None):
            raise FindingsError(Finding("has both a rate and a shape", fix="give rate, or from and to, or shape"))
        if self.rate_per_s is None and self.to_per_s is None and self.shape is None:
            raise FindingsError(Finding("has no rate", fix="give rate, or from and to, or shape"))
        if not self.length_s:
            raise FindingsError(Finding("is missing", ("duration",)))
        if self.shape is not None:
            raise_findings(self._shape_misfits(self.shape))
        return self

    def _shape_misfits(self, shape: Shape) -> Iterator[Finding]:
        found = [Finding(one.message, ("shape", *one.key), one.fix) for one in shape.misfits(self.length_s)]
        yield from found
        if not found and (peak_per_s := shape.curve(self.length_s).peak_per_s) > MAX_RATE_PER_S:
            yield Finding(f"reaches {format_rate(peak_per_s)}", ("shape",), f"at most {format_rate(MAX_RATE_PER_S)}")

    def curve(self, last_per_s: float) -> Curve:
        """Its rate over its length.

        Args:
            last_per_s: Rate at the end of the stage before, from which a lone `to` ramps.
        """
        if self.shape is not None:
            return self.shape.curve(self.length_s)
        if self.rate_per_s is not None:
            return Curve.hold(self.rate_per_s, self.length_s)
        start_per_s = last_per_s if self.from_per_s is None else self.from_per_s
        return Curve.ramp(start_per_s, self.to_per_s or 0.0, self.length_s)


_REQUIRED = {
    "arrival_rate": (),
    "sessions": ("sessions", "duration"),
    "shared_messages": ("sessions", "messages"),
}
_OPTIONAL = {"arrival_rate": ("stages", "scale", "arrivals", "queue"), "sessions": ("warm_up",), "shared_messages": ()}
_OF_EVERY_EXECUTOR = ("executor", "grace", "on_worker_loss")


class Load(Block):
    """When messages are sent: by a rate curve, or as fast as a number of sessions can."""

    executor: Executor = "arrival_rate"
    """arrival_rate follows stages whatever the server does; sessions and shared_messages send as fast as they can."""
    arrivals: Arrivals = POISSON
    """Whether arrivals are random (poisson), evenly spaced (even) or come in bursts (gamma, mmpp)."""
    queue: WholeNumber = Field(10_000, ge=0, le=10_000_000)
    """Messages that may wait for a connection; what is above is dropped and counted."""
    grace_s: Duration = Field(30.0, alias="grace")
    """How long messages under way may take after the end."""
    on_worker_loss: OnWorkerLoss = "continue"
    """Whether a run goes on when one of its workers is lost."""
    stages: tuple[Stage, ...] = Field((), max_length=MAX_STAGES)
    """The pieces of the rate curve, one after the other."""
    scale: Ratio | None = None
    """Factor on all rates."""
    sessions: WholeNumber | None = Field(None, ge=1, le=100_000)
    """Connections that send as fast as they can."""
    messages: WholeNumber | None = Field(None, ge=1, le=MAX_MESSAGES)
    """How many messages are sent in all."""
    duration_s: PositiveDuration | None = Field(None, alias="duration")
    """How long messages are sent."""
    warm_up_s: Duration = Field(0.0, alias="warm_up")
    """A time before it that is not measured."""

    @property
    def open_loop(self) -> bool:
        """Whether arrivals follow a schedule, whatever the target does."""
        return self.executor == "arrival_rate"

    @property
    def curves(self) -> tuple[Curve, ...]:
        """The rate of each stage of an open loop."""
        curves: list[Curve] = []
        last_per_s = 0.0
        for stage in self.stages:
            curves.append(stage.curve(last_per_s))
            last_per_s = curves[-1].final_per_s
        return tuple(curves)

    @property
    def timetable(self) -> Timetable:
        """Its stages and, for an open loop, the rate over all of them."""
        if self.open_loop:
            stages = zip(self.stages, self.curves, strict=True)
            return Timetable.of_legs(Leg(stage.name, curve, stage.measure) for stage, curve in stages)
        main_s = math.inf if self.duration_s is None else self.warm_up_s + self.duration_s
        ends = {WARM_UP_STAGE: (0.0, self.warm_up_s), MAIN_STAGE: (self.warm_up_s, main_s)}
        return Timetable(tuple(StageSpan(name, *ends[name], measured) for name, measured in self.stage_names.items()))

    @property
    def stage_names(self) -> dict[str, bool]:
        """Every stage by name, and whether it is measured; a closed loop has a main stage and may have a warm-up."""
        if self.open_loop:
            return {stage.name: stage.measure for stage in self.stages}
        return ({WARM_UP_STAGE: False} if self.warm_up_s else {}) | {MAIN_STAGE: True}

    @model_validator(mode="after")
    def _fits_its_executor(self) -> Self:
        raise_findings(self._misplaced_keys())
        if self.open_loop and "stages" in self.model_fields_set:
            raise_findings(self._wrong_stages())
        return self

    def _misplaced_keys(self) -> Iterator[Finding]:
        required, optional = _REQUIRED[self.executor], _OPTIONAL[self.executor]
        given = {type(self).model_fields[name].alias or name for name in self.model_fields_set}
        for key in required:
            if key not in given:
                yield Finding(f"is missing: the executor {self.executor} needs it", (key,))
        for key in sorted(given.difference(required, optional, _OF_EVERY_EXECUTOR)):
            fix = f"remove it, or set executor to {' or '.join(_executors_with(key))}"
            yield Finding(f"has no meaning for the executor {self.executor}", (key,), fix)

    def _wrong_stages(self) -> Iterator[Finding]:
        if not self.stages:
            yield Finding("must hold at least one stage", ("stages",))
            return
        first = self.stages[0]
        if first.rate_per_s is None and first.from_per_s is None and first.shape is None:
            yield Finding("the first stage ramps from nowhere", ("stages", 0), "add from: 0/s")
            return
        for index, stage in enumerate(self.stages):
            if stage.name in {earlier.name for earlier in self.stages[:index]}:
                yield Finding(f"{stage.name!r} is the name of an earlier stage", ("stages", index, "name"))
        if not any(stage.measure for stage in self.stages):
            yield Finding("no stage is measured", ("stages",), "remove measure: false from one")
        yield from self._wrong_totals()

    def _wrong_totals(self) -> Iterator[Finding]:
        if sum(stage.length_s for stage in self.stages) > MAX_DURATION_S:
            yield Finding(f"the stages last longer than {format_duration(MAX_DURATION_S)}", ("stages",))
        messages = sum(curve.area for curve in self.curves) * (self.scale or 1)
        if not 1 <= messages <= MAX_MESSAGES:
            yield Finding(
                f"the stages add up to {messages:,.10g} messages", ("stages",), f"1 to {MAX_MESSAGES:,} are possible"
            )

    @model_serializer(mode="wrap")
    def _only_what_the_executor_reads(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        meant = {*_REQUIRED[self.executor], *_OPTIONAL[self.executor], *_OF_EVERY_EXECUTOR}
        fields = type(self).model_fields
        unread = {name for name, field in fields.items() if (field.alias or name) not in meant}
        if not self.stages:  # those of a campaign
            unread.add("stages")
        return {key: value for key, value in handler(self).items() if key in meant and key not in unread}


def _executors_with(key: str) -> list[str]:
    return [executor for executor in _REQUIRED if key in _REQUIRED[executor] or key in _OPTIONAL[executor]]


class MessageKind(Block):
    """One kind of message; its share of all messages is its weight over the sum of weights."""

    weight: Number = Field(1.0, gt=0, le=1e9, allow_inf_nan=False)
    """Its share of the messages, relative to the other kinds."""
    channel: Name = SMTP
    """How it is sent: as mail, or by one of channels."""
    subject: HeaderText = DEFAULT_SUBJECT
    """The subject line."""
    size: SizeDistribution | None = None
    """Size of a whole message: a size or a distribution; 1KiB unless told."""
    recipients: RecipientsDistribution = Constant(1)
    """Recipients of a message: a number or a distribution."""
    body: Content | None = None
    """Plain text, with personal fields such as {recipient} or {number}."""
    html: Content | None = None
    """The same as HTML; with a body beside it, mail programs choose."""
    transfer: Transfer | None = None
    """How texts are encoded; the plainest way that any server takes unless told."""
    utf8: Flag = False
    """Whether headers are UTF-8 and not encoded; needs SMTPUTF8."""
    unique: Flag = False
    """Whether each message has a line that no other has, so that nothing takes two for one."""
    signature: Signature | None = None
    """Signatures, real ones or of their form and length."""
    attachments: tuple[Attachment, ...] = Field((), max_length=20)
    """Files in it."""
    corpus: Corpus | None = None
    """Ready messages instead: an .eml file or a folder of them."""

    @property
    def padded(self) -> bool:
        """Whether filler brings messages to a size."""
        return self.corpus is None and (self.size is not None or (self.body is None and self.html is None))

    @property
    def personal(self) -> bool:
        """Whether messages differ in more than their size, or hold more than filler and made-up files."""
        return (
            any((self.body, self.html, self.transfer, self.utf8, self.unique, self.signature))
            or any(attachment.folder is not None for attachment in self.attachments)
            or (self.corpus is None and any(not isinstance(piece, str) for piece in parse_text(self.subject)))
        )

    @field_validator("subject")
    @classmethod
    def _has_known_fields(cls, subject: str) -> str:
        raise_findings(field_findings(subject))
        return subject

    @model_validator(mode="after")
    def _one_source_of_content(self) -> Self:
        if self.corpus is not None:
            given = {
                "subject": self.subject != DEFAULT_SUBJECT,
                "size": self.size is not None,
                "body": self.body is not None,
                "html": self.html is not None,
                "transfer": self.transfer is not None,
                "utf8": self.utf8,
                "unique": self.unique,
                "signature": self.signature is not None,
                "attachments": bool(self.attachments),
            }
            raise_findings(Finding("is fixed by the corpus", (key,), "remove it") for key in given if given[key])
        if self.transfer is not None and self.body is None and self.html is None:
            raise FindingsError(
                Finding("is how body and html are encoded, and there is neither", ("transfer",), "remove it")
            )
        total_bytes = sum(attachment.size_bytes or 0 for attachment in self.attachments)
        if total_bytes > MAX_SIZE_BYTES:
            message = f"add up to {format_size(total_bytes)}, more than {format_size(MAX_SIZE_BYTES)}"
            raise FindingsError(Finding(message, ("attachments",)))
        return self


class Addresses(Block):
    """Numbered addresses: local part, number from 0, @, domain."""

    local_part: LocalPart
    """What stands before the number."""
    domain: AddressDomain
    """What stands behind the @."""
    count: WholeNumber = Field(ge=1, le=100_000_000)
    """How many addresses there are."""

    @property
    def dns_domain(self) -> str:
        """The domain as DNS knows it."""
        return ascii_domain(self.domain)

    @property
    def numbered(self) -> NumberedAddress:
        """The addresses as they are sent: only with a local part in UTF-8 may the domain be in UTF-8 as well."""
        domain = self.dns_domain if self.local_part.isascii() else self.domain
        return NumberedAddress(self.local_part, domain, self.count)


class Senders(Addresses):
    """The addresses that messages come from."""

    local_part: LocalPart = "sender"
    """What stands before the number."""
    domain: AddressDomain = "example.com"
    """What stands behind the @."""
    count: WholeNumber = Field(10, ge=1, le=100_000_000)
    """How many addresses there are."""


class Recipients(Addresses):
    """The addresses that messages go to."""

    local_part: LocalPart = "user"
    """What stands before the number."""
    domain: AddressDomain = "example.com"
    """What stands behind the @; a reserved one, or one that is allowed."""
    count: WholeNumber = Field(10_000, ge=1, le=100_000_000)
    """How many addresses there are."""
    allow: tuple[AddressDomain, ...] = ()
    """Domains of real people that may get mail of this scenario."""

    @model_validator(mode="after")
    def _are_nobody_or_allowed(self) -> Self:
        try:
            check_recipient_domain(self.domain, self.allow)
        except LoadkitError as error:
            raise FindingsError(Finding(str(error), ("domain",), error.hint)) from error
        return self


class Delivery(Block):
    """The sinks that mail ends up in, where something stands between them and the target."""

    sinks: tuple[SinkUrl, ...] = Field((), max_length=100)
    """Admin interfaces of the sinks, http://host:port; ${NAME} takes a part from the environment."""
    token_env: EnvironmentName | None = None
    """The environment variable that holds their token."""
    drain_s: Duration = Field(60.0, alias="drain")
    """How long to wait for mail under way after the end."""


class ThresholdSpec(Block):
    """A threshold as written: a condition alone, or with what happens when it fails."""

    check: str
    """The condition that must hold."""
    abort_on_fail: Flag = False
    """Whether the run ends as soon as it fails."""
    delay_s: Duration = Field(0.0, alias="delay")
    """How long after the start it may end the run at the earliest."""

    shorthand: ClassVar[Mapping[str, Any]] = {"type": "string"}

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        return {"check": value} if isinstance(value, str) else value

    def threshold(self, metric_key: str) -> Threshold:
        """The threshold that this sets on a metric.

        Raises:
            ThresholdError: If metric and condition do not make one.
        """
        return parse_threshold(metric_key, self.check, abort_on_fail=self.abort_on_fail, delay_s=self.delay_s)


class Scenario(FileBlock):
    """What to send and when, where to, and what the outcome must be."""

    name: Name = Field(alias="scenario")
    """The scenario's name: 1 to 40 of a-z 0-9 _ -"""
    description: Prose = Field("", max_length=10_000)
    """What it stands for, in words."""
    seed: WholeNumber = Field(1, ge=0, le=2**63 - 1)
    """The same seed gives the same messages at the same times."""
    target: Target = Target()
    """The server under load."""
    sessions: Sessions = Sessions()
    """The connections."""
    campaign: Campaign | None = None
    """Real days instead of stages under load, and what stands for them in a test."""
    load: Load = Field(Load(), validate_default=True)
    """When messages are sent."""
    channels: dict[Name, Channel] = Field(default_factory=dict, max_length=20)
    """Other ways than mail, by name."""
    messages: dict[Name, MessageKind] = Field(min_length=1, max_length=100)
    """Kinds of messages by name."""
    senders: Senders = Senders()
    """Where they come from."""
    recipients: Recipients = Recipients()
    """Where they go."""
    delivery: Delivery = Delivery()
    """Where they arrive."""
    guardrails: Guardrails = Guardrails()
    """Whose limits the scenario is held against."""
    thresholds: Annotated[dict[str, tuple[ThresholdSpec, ...]], ThresholdsSchema()] = Field(default_factory=dict)
    """What the outcome must be: conditions by metric."""

    @property
    def timetable(self) -> Timetable:
        """When the stages are and how many messages per second are sent when: for all who ask, whatever it is from."""
        timetable = self.load.timetable if self.campaign is None else _stand_in(self.campaign)
        return timetable if self.load.scale is None else timetable.scaled(self.load.scale)

    def threshold_list(self) -> tuple[Threshold, ...]:
        """All thresholds in file order, but for those on kinds that are left out."""
        left_out = left_out_kinds(self)
        return tuple(
            spec.threshold(metric)
            for metric, specs in self.thresholds.items()
            if dict(parse_metric_key(metric)[1]).get("kind") not in left_out
            for spec in specs
        )

    @property
    def correspondents(self) -> Correspondents:
        """Whom messages are from and to."""
        return Correspondents(self.senders.numbered, self.recipients.numbered)

    # A field's validator sees the fields before it that are valid, so a wrong block does not hide problems of others.

    @field_validator("load")
    @classmethod
    def _has_enough_sessions(cls, load: Load, info: ValidationInfo) -> Load:
        sessions = info.data.get("sessions")
        if sessions is not None and load.sessions is not None and load.sessions > sessions.max:
            fix = f"set sessions.max to {load.sessions} or more"
            raise FindingsError(Finding(f"is above sessions.max, which is {sessions.max}", ("sessions",), fix))
        return load

    @field_validator("channels")
    @classmethod
    def _have_names_of_their_own(cls, channels: dict[str, Channel]) -> dict[str, Channel]:
        if SMTP in channels:
            raise FindingsError(Finding("is the channel of mail, which target and sessions describe", (SMTP,)))
        return channels

    @field_validator("messages")
    @classmethod
    def _go_by_known_channels(cls, messages: dict[str, MessageKind], info: ValidationInfo) -> dict[str, MessageKind]:
        load: Load | None = info.data.get("load")
        if "channels" in info.data:
            open_loop = load is None or load.open_loop
            raise_findings(channel_findings(messages, info.data["channels"], open_loop=open_loop))
        return messages

    @field_validator("campaign")
    @classmethod
    def _can_be_sent(cls, campaign: Campaign | None) -> Campaign | None:
        if campaign is None:
            return None
        try:
            timetable = _stand_in(campaign)
        except ValueError as error:
            raise FindingsError(Finding(str(error))) from error
        key = () if campaign.test is None else ("test",)
        raise_findings(_wrong_timetable(timetable, key))
        return campaign

    @field_validator("load")
    @classmethod
    def _has_one_curve(cls, load: Load, info: ValidationInfo) -> Load:
        if "campaign" not in info.data:  # it is wrong by itself
            return load
        if info.data["campaign"] is None:
            if not load.model_fields_set:
                raise FindingsError(Finding("is missing or empty", fix="give it stages, or write a campaign"))
            if load.open_loop and not load.stages:
                raise FindingsError(Finding(f"is missing: the executor {load.executor} needs it", ("stages",)))
        elif not load.open_loop:
            raise FindingsError(Finding(f"{load.executor} can't follow a campaign", ("executor",), "arrival_rate"))
        elif load.stages:
            raise FindingsError(Finding("can't stand beside a campaign", ("stages",), "keep one of them"))
        elif load.scale is not None:
            raise_findings(_wrong_timetable(_stand_in(info.data["campaign"]).scaled(load.scale), ("scale",)))
        return load

    @field_validator("recipients")
    @classmethod
    def _are_enough(cls, recipients: Recipients, info: ValidationInfo) -> Recipients:
        most = max((kind.recipients.most for kind in info.data.get("messages", {}).values()), default=0)
        if most > recipients.count:
            message = f"a message may go to {most:,} recipients, but there are {recipients.count:,}"
            raise FindingsError(Finding(message, ("count",), f"at least {most:,}"))
        return recipients

    @field_validator("thresholds")
    @classmethod
    def _mean_something(
        cls, thresholds: dict[str, tuple[ThresholdSpec, ...]], info: ValidationInfo
    ) -> dict[str, tuple[ThresholdSpec, ...]]:
        load: Load | None = info.data.get("load")
        stages = load.stage_names if load is not None else None
        if thresholds and (campaign := info.data.get("campaign")) is not None:
            stages = {span.name: span.measured for span in _stand_in(campaign).stages}
        elif "campaign" not in info.data:
            stages = None
        findings: list[Finding] = []
        for metric, specs in thresholds.items():
            try:
                _check_tags(metric, info.data.get("messages"), stages)
            except ThresholdError as error:
                findings.append(Finding(str(error), (metric,), error.fix))
                continue
            for index, spec in enumerate(specs):
                try:
                    spec.threshold(metric)
                except ThresholdError as error:
                    findings.append(Finding(str(error), (metric, index), error.fix))
        raise_findings(findings)
        return thresholds


def _stand_in(campaign: Campaign) -> Timetable:
    """What a run of a campaign follows."""
    return stood_in(campaign_timetable(campaign), campaign.test)


def _wrong_timetable(timetable: Timetable, key: KeyPath) -> Iterator[Finding]:
    assert timetable.curve is not None
    messages = timetable.curve.area
    if not 1 <= messages <= MAX_MESSAGES:
        message = f"a run of it would send {messages:,.10g} messages"
        yield Finding(message, key, f"1 to {MAX_MESSAGES:,} are possible; see test: scale, compress, window")
    if len(timetable.stages) > MAX_STAGES:
        yield Finding(f"its days and events make {len(timetable.stages):,} stages", (), f"at most {MAX_STAGES:,}")


def _check_tags(metric_key: str, kinds: dict[str, MessageKind] | None, stages: dict[str, bool] | None) -> None:
    tags = dict(parse_metric_key(metric_key)[1])
    kind, stage = tags.get("kind"), tags.get("stage")
    if kind is not None and kinds is not None and kind not in kinds:
        raise ThresholdError(f"{kind!r} is not a kind under messages", fix=suggest(kind, kinds))
    if stage is not None and stages is not None:
        if stage not in stages:
            raise ThresholdError(f"{stage!r} is not a stage under load", fix=suggest(stage, stages))
        if not stages[stage]:
            raise ThresholdError(f"stage {stage!r} is not measured", fix="name a measured stage")
