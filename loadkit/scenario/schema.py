"""The scenario as a value: one frozen model per YAML block, each checking what it can check on its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from loadkit.scenario.block import Block, FileBlock
from loadkit.scenario.calendar import campaign_timetable, stood_in
from loadkit.scenario.campaign import Campaign
from loadkit.scenario.channels import SMTP, Channel, channel_findings, left_out_kinds
from loadkit.scenario.findings import Finding, FindingsError, KeyPath, raise_findings, suggest
from loadkit.scenario.guardrails import (
    TargetAddress,
    parse_target_url,
)
from loadkit.scenario.kinds import MessageKind
from loadkit.scenario.limits import Guardrails
from loadkit.scenario.people import Recipients, Senders
from loadkit.scenario.quantities import (
    Duration,
    Flag,
    WholeNumber,
)
from loadkit.scenario.sessions import Sessions
from loadkit.scenario.stages import MAX_MESSAGES, MAX_STAGES, Load
from loadkit.scenario.texts import (
    AllowedHost,
    EnvironmentName,
    Name,
    Prose,
    SinkUrl,
    TargetUrl,
)
from loadkit.scenario.threshold_schema import ThresholdsSchema
from loadkit.scenario.thresholds import Threshold, ThresholdError, parse_metric_key, parse_threshold
from loadkit.scenario.timetable import Timetable
from loadkit.smtp.fields import Correspondents

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


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
