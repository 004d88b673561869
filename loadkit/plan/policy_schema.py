"""Policies as people write them: a YAML file of fleets to compare, with every problem named by file and line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from loadkit.errors import PolicyError
from loadkit.plan.policies import DEFAULT_START_UP_S, DEFAULT_WARM_UP_S, Ahead, Autoscaling, Night, Policy
from loadkit.scenario.block import Block
from loadkit.scenario.campaign import Campaign, TimeOfDay, seconds_of_day
from loadkit.scenario.findings import Finding, FindingsError, raise_findings
from loadkit.scenario.quantities import Duration, PositiveDuration, Ratio, WholeNumber
from loadkit.scenario.reading import read_model, read_text
from loadkit.scenario.texts import Name
from loadkit.units import UnitError, format_duration, parse_duration

MAX_NODES = 100_000
MAX_POLICIES = 20
MAX_KNOWN_MOMENTS = 100

_MOMENT_FORMS = "write peak, a local time such as 2026-11-11T00:00, or the time since the start, such as 90m"


@dataclass(frozen=True, slots=True)
class Timeline:
    """What policies refer to.

    Args:
        duration_s: How long the load lasts.
        peak_s: When it is highest, in seconds since its start.
        campaign: The real days; None where there are none.
    """

    duration_s: float
    peak_s: float
    campaign: Campaign | None = None

    def place(self, at: str) -> float:
        """Seconds from the start to a moment as written.

        Raises:
            ValueError: If there is no such moment.
        """
        if at == "peak":
            return self.peak_s
        try:
            at_s = parse_duration(at)
        except UnitError:
            if self.campaign is None:
                raise ValueError(f"{at} is a date, and the scenario has no campaign with dates") from None
            at_s = self.campaign.elapsed_s(_local_time(at))
        if not 0 <= at_s < self.duration_s:
            raise ValueError(f"{at} is not within the {format_duration(self.duration_s)} of the load")
        return at_s


def _read_moment(value: object) -> str:
    text = str(value).strip()
    if text == "peak":
        return text
    for read in (parse_duration, _local_time):
        with suppress(ValueError):
            read(text)
            return text
    raise ValueError(f"{text!r} is not a moment: {_MOMENT_FORMS}")


def _local_time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if "T" not in text or moment.tzinfo is not None:
        raise ValueError
    return moment


def _read_nodes(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{value!r} is not a whole number")  # noqa: TRY004 - pydantic passes on ValueError alone
    if not 1 <= value <= MAX_NODES:
        raise ValueError(f"must be from 1 to {MAX_NODES:,}, not {value}")
    return value


KnownMoment = Annotated[
    str,
    BeforeValidator(_read_moment),
    WithJsonSchema({"type": "string", "description": _MOMENT_FORMS, "examples": ["peak", "2026-11-11T00:00", "90m"]}),
]
Nodes = Annotated[
    WholeNumber,
    BeforeValidator(_read_nodes),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MAX_NODES, "examples": [2, 4]}),
]


class AutoscaleBlock(Block):
    """Nodes that come and go with the load."""

    max: Nodes
    """Most nodes."""
    above: Ratio = 0.8
    """Busy share of the fleet above which nodes are added."""
    add: Nodes = 1
    """How many at a time."""
    below: Ratio = 0.4
    """Busy share below which nodes are removed."""
    remove: Nodes = 1
    """How many at a time."""
    cool_down_s: Duration = Field(300.0, alias="cool_down")
    """Time after a change in which nothing else is changed."""

    @model_validator(mode="after")
    def _leaves_room(self) -> Self:
        if self.below >= self.above:
            raise FindingsError(Finding("is not below above", ("below",), "nodes would come and go without end"))
        return self


class NightBlock(Block):
    """Another number of nodes at some hours of every day."""

    start: TimeOfDay = Field(alias="from")
    """Local time of its begin."""
    end: TimeOfDay = Field(alias="to")
    """Local time of its end."""
    nodes: Nodes
    """How many there are then."""

    @model_validator(mode="after")
    def _lasts(self) -> Self:
        if self.start == self.end:
            raise FindingsError(Finding("is when it begins", ("to",), "a night of all day is nodes"))
        return self


class PrescaleBlock(Block):
    """More nodes from some time before a known moment on."""

    at: KnownMoment
    """The moment: peak, local time, or time since the start."""
    ahead_s: Duration = Field(alias="ahead")
    """How long before it nodes are ordered."""
    hold_s: PositiveDuration = Field(alias="for")
    """How long after it they stay."""
    nodes: Nodes
    """How many there are then."""


class PolicyBlock(Block):
    """How a fleet follows its load."""

    nodes: Nodes | None = None
    """Nodes without any of the following; as on the command line where it is left out."""
    start_up_s: Duration = Field(DEFAULT_START_UP_S, alias="start_up")
    """From the order of a node to its first message."""
    warm_up_s: Duration = Field(DEFAULT_WARM_UP_S, alias="warm_up")
    """How long a load balancer takes to give a new node its full share."""
    autoscale: AutoscaleBlock | None = None
    """Nodes by load."""
    night: NightBlock | None = None
    """Other nodes at some hours of every day."""
    prescale: tuple[PrescaleBlock, ...] = Field((), max_length=MAX_KNOWN_MOMENTS)
    """More nodes before known moments."""

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        raise_findings(self._findings())
        return self

    def _findings(self) -> Iterator[Finding]:
        if self.autoscale is None:
            return
        most = self.autoscale.max
        if self.nodes is not None and self.nodes > most:
            yield Finding("is below nodes", ("autoscale", "max"), f"at least {self.nodes}")
        for index, one in enumerate(self.prescale):
            if one.nodes > most:
                yield Finding("is above autoscale.max", ("prescale", index, "nodes"), f"at most {most}")

    def policy(self, name: str, nodes: int, timeline: Timeline) -> Policy:
        """What it says of a load.

        Args:
            name: Its name.
            nodes: Nodes where it names none.
            timeline: What it refers to.

        Raises:
            ValueError: If it refers to what the load doesn't have.
        """
        scale, night = self.autoscale, self.night
        return Policy(
            name,
            nodes if self.nodes is None else self.nodes,
            self.start_up_s,
            self.warm_up_s,
            None
            if scale is None
            else Autoscaling(scale.max, scale.above, scale.add, scale.below, scale.remove, scale.cool_down_s),
            None if night is None else Night(seconds_of_day(night.start), seconds_of_day(night.end), night.nodes),
            tuple(Ahead(timeline.place(one.at), one.ahead_s, one.hold_s, one.nodes) for one in self.prescale),
        )

    def misfits(self, nodes: int, timeline: Timeline) -> Iterator[Finding]:
        """What doesn't fit a load, by keys below the policy."""
        if self.night is not None and timeline.campaign is None:
            yield Finding("needs days, and the scenario has no campaign", ("night",), "give it one, or remove night")
        if self.nodes is None and self.autoscale is not None and self.autoscale.max < nodes:
            yield Finding(f"is below the {nodes} nodes of the command line", ("autoscale", "max"))
        for index, one in enumerate(self.prescale):
            try:
                timeline.place(one.at)
            except ValueError as error:
                yield Finding(str(error), ("prescale", index, "at"))


class PolicyFile(Block):
    """Fleets to compare."""

    policies: dict[Name, PolicyBlock] = Field(min_length=1, max_length=MAX_POLICIES)
    """The policies by their name."""

    def misfits(self, nodes: int, timeline: Timeline) -> Iterator[Finding]:
        """What doesn't fit a load."""
        for name, block in self.policies.items():
            for finding in block.misfits(nodes, timeline):
                yield Finding(finding.message, ("policies", name, *finding.key), finding.fix)


def load_policies(path: Path | str, nodes: int, timeline: Timeline) -> tuple[Policy, ...]:
    """Read a file of policies.

    Args:
        path: The file.
        nodes: Nodes of policies that name none.
        timeline: What they refer to.

    Raises:
        UsageError: If the file can't be read.
        PolicyError: With every problem in it.
    """
    return parse_policies(read_text(path, "policy"), str(path), nodes, timeline)


def parse_policies(text: str, file: str, nodes: int, timeline: Timeline) -> tuple[Policy, ...]:
    """Read policies from YAML text; see `load_policies`.

    Args:
        text: The YAML.
        file: Name of its source, for messages.
        nodes: Nodes of policies that name none.
        timeline: What they refer to.

    Raises:
        PolicyError: With every problem in it.
    """
    model = read_model(PolicyFile, text, file, further=lambda one: one.misfits(nodes, timeline), error_type=PolicyError)
    return tuple(block.policy(name, nodes, timeline) for name, block in model.policies.items())
