"""The JSON Schema of a plan as ``loadkit plan --json`` prints it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from loadkit.plan.extrapolation import Support
from loadkit.plan.outcome import SCHEMA_VERSION
from loadkit.plan.prices import Grade
from loadkit.scenario.json_schema import DIALECT

Axes = Literal["concurrency", "cores", "boxes", "rate", "routing"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class RangePart(_Part):
    """A value that is not known exactly."""

    low: float
    """So low in one case of twenty, or lower."""
    mid: float
    """Lower in half of all cases."""
    high: float
    """So high in one case of twenty, or higher."""


class SpreadPart(_Part):
    """Where an outcome lies over the draws."""

    p10: float
    """Lower in one case of ten."""
    p50: float
    """Lower in half of all cases; not to be shown alone where single_number is false."""
    p90: float
    """Higher in one case of ten."""


class MeasuredPart(_Part):
    """What a ladder says of one node."""

    capacity_per_s: RangePart
    """Messages a second that it carries at most."""
    basis: str
    """What that rests on."""
    rate_per_s: float
    """The largest rate that was kept up with."""
    sessions: float
    """The most sessions that were at work at once."""
    node_time_s: float | None
    """Time that a message takes at that rate."""
    node_time_basis: str
    """Where that time is from."""
    instance_type: str
    """What was measured; empty if it is not known."""
    vcpus: int | None
    """Its virtual CPUs."""
    boxes: int
    """How many machines shared the load."""
    trials: int
    """How many trials there were."""
    next_experiment: str
    """What would tell more of the capacity."""


class AssumptionPart(_Part):
    """Something that was assumed."""

    name: str
    """Its key."""
    value: str
    """Its value; empty where the scenario or the ladder decides."""
    meaning: str
    """What it is."""
    given: bool
    """Whether somebody chose it; else it is the default."""


class AxisPart(_Part):
    """How far a choice goes beyond what was measured, on one axis."""

    name: Axes
    """The axis."""
    unit: str
    """Unit of what is wanted and measured."""
    wanted: float | None
    """What the choice needs."""
    measured: float | None
    """The largest that was measured."""
    extent: float | None
    """Wanted over measured."""
    grade: Support
    """How far a number is supported."""
    sd_log: float
    """Standard deviation of the logarithm that it adds."""
    prior: str
    """What stands in for a measurement."""
    experiment: str
    """What to measure to do better."""


class CellsPart(_Part):
    """Fleets of one size."""

    count: int
    """How many."""
    rate_per_s: float
    """What each carries."""


class FleetPart(_Part):
    """Nodes."""

    needed: SpreadPart
    """Nodes that carry the peak, in each cell."""
    nodes: SpreadPart
    """With spares and zones, all cells together."""
    spares: int
    """Nodes beyond those needed, in each cell."""
    zones: int
    """Zones that they are spread over."""
    cells: CellsPart
    """Fleets of one size."""
    limiting: str
    """The resource that sets the number."""
    usable_per_s: dict[str, float]
    """What a node may carry, by resource."""
    shares: dict[str, float]
    """By resource, what of it is used when the scarcest is used up."""


class AvailabilityPart(_Part):
    """What a fleet reaches."""

    nodes: float
    """Of enough nodes."""
    provider_ceiling: float | None
    """Product of what the provider promises of all parts in series."""
    together: float
    """Of nodes and the other parts."""
    promised: float | None
    """What the tier promises."""
    met: bool | None
    """Whether it reaches that."""
    backed_by_provider: bool | None
    """Whether the provider's promises alone back it."""
    downtime_minutes_in_30_days: float
    """Minutes of 30 days in which it is down."""
    parts: dict[str, float]
    """What the provider promises, by part."""
    words: str
    """The same in a sentence."""


class MixPart(_Part):
    """A way to buy nodes."""

    name: str
    """The way."""
    monthly: SpreadPart | None
    """Cost of the whole choice in a month; null where it can't be bought so."""
    base_nodes: int
    """Nodes that are paid for at all hours."""
    break_even: float | None
    """Share of hours above which the subscription pays."""
    remark: str
    """What to know of it."""


class LinePart(_Part):
    """A line of a bill, in the columns of FOCUS 1.2; money and quantities are exact decimals as text."""

    ServiceCategory: str
    ServiceName: str
    SkuId: str
    ChargeDescription: str
    PricingQuantity: str
    PricingUnit: str
    ListUnitPrice: str
    ListCost: str
    EffectiveCost: str
    BilledCost: str
    BillingCurrency: str
    ChargeCategory: str
    PricingCategory: str
    RegionId: str
    x_Grade: Grade  # noqa: N815 - FOCUS has it so
    """How far the price can be trusted."""
    x_Source: str  # noqa: N815
    """Where it was read."""
    x_AsOf: str | None  # noqa: N815
    """Its day; null if it is undated."""


class BillPart(_Part):
    """A month."""

    case: str
    """Of which case it is."""
    currency: str
    """ISO 4217 code."""
    total: str
    """Sum of the effective costs of the lines, exactly."""
    indicative: bool
    """Whether more than a fifth of it rests on prices of grade C or D."""
    indicative_share: float
    """That share."""
    lines: list[LinePart]
    """The lines."""


class ReasonPart(_Part):
    """Why a choice was not taken."""

    constraint: str
    """What stood against it."""
    value: float | None
    """What it has of that."""
    limit: float | None
    """What it would need."""
    unit: str
    """Of both."""
    words: str
    """In a sentence."""


class ChoicePart(_Part):
    """An instance type for a tier."""

    instance_type: str
    """Its name in the catalogue."""
    grade: Support
    """That of the worst axis."""
    single_number: bool
    """Whether a single number may be said; else a range, what it assumes, and what to measure next."""
    axes: list[AxisPart]
    """How far it goes beyond what was measured."""
    capacity_per_s: RangePart
    """What its processor carries at most."""
    transferred: str
    """By what factor it was taken over from another type; empty if it was measured."""
    fleet: FleetPart
    """Its nodes."""
    availability: AvailabilityPart
    """What it reaches."""
    balancer_demand: str
    """What sets the load balancer's units."""
    mixes: list[MixPart]
    """Every way to buy it, the best first."""
    mix: str
    """The best way; empty where it can't be priced."""
    monthly: SpreadPart | None
    """Cost of a month."""
    per_million: SpreadPart | None
    """Cost of a million messages."""
    parts: dict[str, SpreadPart]
    """Cost of a month by what is bought."""
    bill: BillPart | None
    """The month in which every input is its median."""
    over_budget: float | None
    """Chance that a month costs more than the budget."""
    drivers: dict[str, float]
    """Correlation of ranks of the cost with what is uncertain, the strongest first."""
    expected_regret: float | None
    """Mean of what a month costs above the best choice of each draw."""
    reason: ReasonPart | None
    """Why it was not taken; null for the one that was."""
    experiments: list[str]
    """What to measure next."""


class ServicePart(_Part):
    """A provider's own mail service."""

    name: str
    """Its name in the catalogue."""
    monthly: SpreadPart
    """Cost of a month."""
    per_million: SpreadPart
    """Cost of a million messages."""
    basis: str
    """What is billed, in words."""
    reason: ReasonPart | None
    """Why it was not taken."""


class LoadPart(_Part):
    """The load by the hour, as the whole of it repeats."""

    name: str
    """Where it is from."""
    mean_per_s: list[float]
    """Mean of each hour."""
    peak_per_s: list[float]
    """Mean of the busiest minute of each hour."""
    message_bytes: RangePart | None
    """Mean size of a message."""
    messages_per_connection: float | None
    """Messages in a connection."""
    remark: str
    """What was assumed to make hours of it."""
    recipients_per_message: float
    """Recipients of a message on average."""


class TierPart(_Part):
    """A tier, or a rate that was asked for."""

    name: str
    """Its name, or the rate."""
    rate_per_s: float
    """Its peak."""
    promised_availability: float | None
    """Availability that it promises."""
    load: LoadPart
    """Its load by the hour."""
    chosen: str | None
    """The type that was taken; null where none will do."""
    choices: list[ChoicePart]
    """The one that was taken first, then the others as they rank."""
    services: list[ServicePart]
    """The provider's own mail services."""


class PlanPart(_Part):
    """A plan."""

    schema_version: Literal[1]
    """Goes up when a reader of the version before would be wrong."""
    catalog: str
    """The catalogue's name."""
    currency: str
    """ISO 4217 code of all money."""
    region: str
    """Region of the prices."""
    measured: list[MeasuredPart]
    """What was measured of nodes."""
    assumptions: list[AssumptionPart]
    """What was assumed."""
    inputs: dict[str, RangePart]
    """What is uncertain and the same for all choices."""
    draws: int
    """How many draws there are."""
    seed: int
    """They repeat exactly."""
    budget: float | None
    """Money for a month."""
    remarks: list[str]
    """What to know before it is used."""
    tiers: list[TierPart]
    """The tiers."""


def plan_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of `Plan.to_dict`."""
    schema = PlanPart.model_json_schema()
    schema.pop("title", None)
    head = {"$schema": DIALECT, "$id": f"urn:loadkit:schema:plan:{SCHEMA_VERSION}", "title": "loadkit plan"}
    return head | schema
