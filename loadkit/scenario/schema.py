"""The scenario as a value: one frozen model per YAML block, each checking what it can check on its own."""

from __future__ import annotations

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
from loadkit.scenario.distributions import Constant
from loadkit.scenario.findings import Finding, FindingsError, raise_findings, suggest
from loadkit.scenario.guardrails import (
    TargetAddress,
    check_recipient_domain,
    parse_target_url,
)
from loadkit.scenario.quantities import (
    MAX_DURATION_S,
    MAX_SIZE_BYTES,
    Duration,
    Flag,
    Number,
    PositiveDuration,
    Rate,
    RecipientsDistribution,
    Size,
    SizeDistribution,
    WholeNumber,
)
from loadkit.scenario.sessions import Sessions
from loadkit.scenario.texts import (
    AllowedHost,
    ContentType,
    Corpus,
    Domain,
    EnvironmentName,
    FileName,
    HeaderText,
    LocalPart,
    Name,
    Prose,
    SinkUrl,
    TargetUrl,
)
from loadkit.scenario.threshold_schema import ThresholdsSchema
from loadkit.scenario.thresholds import Threshold, ThresholdError, parse_metric_key, parse_threshold
from loadkit.units import format_duration, format_size

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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


class Stage(Block):
    """A piece of the rate curve: `rate` holds, `from` and `to` ramp, `to` alone ramps from where the last one ended."""

    name: Name
    """Its name in results and thresholds."""
    duration_s: PositiveDuration = Field(alias="duration")
    """How long it lasts."""
    rate_per_s: Rate | None = Field(None, alias="rate")
    """Messages per time, all through the stage."""
    from_per_s: Rate | None = Field(None, alias="from")
    """Messages per time at its start; where the last stage ended unless told."""
    to_per_s: Rate | None = Field(None, alias="to")
    """Messages per time at its end."""
    measure: Flag = True
    """Whether it counts in the results; false for a warm-up."""

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        ramp = self.from_per_s is not None or self.to_per_s is not None
        if self.rate_per_s is not None and ramp:
            raise FindingsError(Finding("both holds and ramps", fix="give rate, or from and to"))
        if self.rate_per_s is None and self.to_per_s is None:
            raise FindingsError(Finding("has no rate", fix="give rate, or from and to"))
        return self


_REQUIRED = {
    "arrival_rate": ("stages",),
    "sessions": ("sessions", "duration"),
    "shared_messages": ("sessions", "messages"),
}
_OPTIONAL = {"arrival_rate": ("arrivals", "queue"), "sessions": ("warm_up",), "shared_messages": ()}
_OF_EVERY_EXECUTOR = ("executor", "grace", "on_worker_loss")


class Load(Block):
    """When messages are sent: by a rate curve, or as fast as a number of sessions can."""

    executor: Executor = "arrival_rate"
    """arrival_rate follows stages whatever the server does; sessions and shared_messages send as fast as they can."""
    arrivals: Literal["poisson", "even"] = "poisson"
    """Whether arrivals are random (poisson) or evenly spaced."""
    queue: WholeNumber = Field(10_000, ge=0, le=10_000_000)
    """Messages that may wait for a connection; what is above is dropped and counted."""
    grace_s: Duration = Field(30.0, alias="grace")
    """How long messages under way may take after the end."""
    on_worker_loss: OnWorkerLoss = "continue"
    """Whether a run goes on when one of its workers is lost."""
    stages: tuple[Stage, ...] = Field((), max_length=1000)
    """The pieces of the rate curve, one after the other."""
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
    def ramps(self) -> tuple[tuple[float, float], ...]:
        """Rate per second at the start and the end of each stage."""
        ramps: list[tuple[float, float]] = []
        for stage in self.stages:
            if stage.rate_per_s is not None:
                ramps.append((stage.rate_per_s, stage.rate_per_s))
            else:
                start = stage.from_per_s if stage.from_per_s is not None else ramps[-1][1]
                ramps.append((start, stage.to_per_s or 0.0))
        return tuple(ramps)

    @property
    def stage_names(self) -> dict[str, bool]:
        """Every stage by name, and whether it is measured; a closed loop has a main stage and may have a warm-up."""
        if self.open_loop:
            return {stage.name: stage.measure for stage in self.stages}
        return ({WARM_UP_STAGE: False} if self.warm_up_s else {}) | {MAIN_STAGE: True}

    @model_validator(mode="after")
    def _fits_its_executor(self) -> Self:
        raise_findings(self._misplaced_keys())
        if self.open_loop:
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
        if first.rate_per_s is None and first.from_per_s is None:
            yield Finding("the first stage ramps from nowhere", ("stages", 0), "add from: 0/s")
            return
        for index, stage in enumerate(self.stages):
            if stage.name in {earlier.name for earlier in self.stages[:index]}:
                yield Finding(f"{stage.name!r} is the name of an earlier stage", ("stages", index, "name"))
        if not any(stage.measure for stage in self.stages):
            yield Finding("no stage is measured", ("stages",), "remove measure: false from one")
        yield from self._wrong_totals()

    def _wrong_totals(self) -> Iterator[Finding]:
        if sum(stage.duration_s for stage in self.stages) > MAX_DURATION_S:
            yield Finding(f"the stages last longer than {format_duration(MAX_DURATION_S)}", ("stages",))
        ramps = zip(self.stages, self.ramps, strict=True)
        messages = sum((start + end) / 2 * stage.duration_s for stage, (start, end) in ramps)
        if not 1 <= messages <= MAX_MESSAGES:
            yield Finding(
                f"the stages add up to {messages:,.10g} messages", ("stages",), f"1 to {MAX_MESSAGES:,} are possible"
            )

    @model_serializer(mode="wrap")
    def _only_what_the_executor_reads(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        meant = {*_REQUIRED[self.executor], *_OPTIONAL[self.executor], *_OF_EVERY_EXECUTOR}
        fields = type(self).model_fields
        unread = {name for name, field in fields.items() if (field.alias or name) not in meant}
        return {key: value for key, value in handler(self).items() if key in meant and key not in unread}


def _executors_with(key: str) -> list[str]:
    return [executor for executor in _REQUIRED if key in _REQUIRED[executor] or key in _OPTIONAL[executor]]


class Attachment(Block):
    """A file of given size in a message; its bytes are pseudo-random."""

    name: FileName
    """The file's name."""
    size_bytes: Size = Field(alias="size")
    """Its size before encoding."""
    type: ContentType
    """Its content type."""


class MessageKind(Block):
    """One kind of message; its share of all messages is its weight over the sum of weights."""

    weight: Number = Field(1.0, gt=0, le=1e9, allow_inf_nan=False)
    """Its share of the messages, relative to the other kinds."""
    subject: HeaderText = DEFAULT_SUBJECT
    """The subject line."""
    size: SizeDistribution | None = None
    """Size of a whole message: a size or a distribution; 1KiB unless told."""
    recipients: RecipientsDistribution = Constant(1)
    """Recipients of a message: a number or a distribution."""
    attachments: tuple[Attachment, ...] = Field((), max_length=20)
    """Files in it."""
    corpus: Corpus | None = None
    """Ready messages instead: an .eml file or a folder of them."""

    @model_validator(mode="after")
    def _one_source_of_content(self) -> Self:
        if self.corpus is not None:
            given = {
                "subject": self.subject != DEFAULT_SUBJECT,
                "size": self.size is not None,
                "attachments": bool(self.attachments),
            }
            raise_findings(Finding("is fixed by the corpus", (key,), "remove it") for key in given if given[key])
        total_bytes = sum(attachment.size_bytes for attachment in self.attachments)
        if total_bytes > MAX_SIZE_BYTES:
            message = f"add up to {format_size(total_bytes)}, more than {format_size(MAX_SIZE_BYTES)}"
            raise FindingsError(Finding(message, ("attachments",)))
        return self


class Addresses(Block):
    """Numbered addresses: local part, number from 0, @, domain."""

    local_part: LocalPart
    """What stands before the number."""
    domain: Domain
    """What stands behind the @."""
    count: WholeNumber = Field(ge=1, le=100_000_000)
    """How many addresses there are."""


class Senders(Addresses):
    """The addresses that messages come from."""

    local_part: LocalPart = "sender"
    """What stands before the number."""
    domain: Domain = "example.com"
    """What stands behind the @."""
    count: WholeNumber = Field(10, ge=1, le=100_000_000)
    """How many addresses there are."""


class Recipients(Addresses):
    """The addresses that messages go to."""

    local_part: LocalPart = "user"
    """What stands before the number."""
    domain: Domain = "example.com"
    """What stands behind the @; a reserved one, or one that is allowed."""
    count: WholeNumber = Field(10_000, ge=1, le=100_000_000)
    """How many addresses there are."""
    allow: tuple[Domain, ...] = ()
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
    load: Load
    """When messages are sent."""
    messages: dict[Name, MessageKind] = Field(min_length=1, max_length=100)
    """Kinds of messages by name."""
    senders: Senders = Senders()
    """Where they come from."""
    recipients: Recipients = Recipients()
    """Where they go."""
    delivery: Delivery = Delivery()
    """Where they arrive."""
    thresholds: Annotated[dict[str, tuple[ThresholdSpec, ...]], ThresholdsSchema()] = Field({})
    """What the outcome must be: conditions by metric."""

    def threshold_list(self) -> tuple[Threshold, ...]:
        """All thresholds in file order."""
        return tuple(spec.threshold(metric) for metric, specs in self.thresholds.items() for spec in specs)

    # A field's validator sees the fields before it that are valid, so a wrong block does not hide problems of others.

    @field_validator("load")
    @classmethod
    def _has_enough_sessions(cls, load: Load, info: ValidationInfo) -> Load:
        sessions = info.data.get("sessions")
        if sessions is not None and load.sessions is not None and load.sessions > sessions.max:
            fix = f"set sessions.max to {load.sessions} or more"
            raise FindingsError(Finding(f"is above sessions.max, which is {sessions.max}", ("sessions",), fix))
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
