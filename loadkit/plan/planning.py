"""The plan: for every tier and instance type nodes, availability and cost, ranked, with what it rests on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from loadkit.errors import UsageError
from loadkit.plan.assumptions import Assumptions
from loadkit.plan.catalog import Catalog
from loadkit.plan.choices import choice_of, service_of
from loadkit.plan.hourly import HourlyLoad, steady_load
from loadkit.plan.measured import Measured
from loadkit.plan.outcome import Plan, TierPlan
from loadkit.plan.ranking import ranked
from loadkit.plan.site import Order, Site, TierLoad
from loadkit.plan.transferring import node_time_of, with_vcpus
from loadkit.scenario.findings import suggest
from loadkit.units import format_rate


def make_plan(
    measured: Measured | Sequence[Measured],
    catalog: Catalog,
    load: HourlyLoad | None = None,
    *,
    order: Order | None = None,
    assumptions: Assumptions | None = None,
) -> Plan:
    """Plan fleets and their cost.

    Args:
        measured: What was measured of a node; several for several types.
        catalog: What can be bought.
        load: The load by the hour, of which tiers and a rate take the shape; None holds them at all hours.
        order: What is to be planned; the load's own rates if it names nothing.
        assumptions: What is assumed where nothing was measured.

    Raises:
        RefusedError: If the catalogue lacks what the plan takes.
        UsageError: If a tier or a type is not in the catalogue.
    """
    order, assumptions = order or Order(), assumptions or Assumptions()
    every = (measured,) if isinstance(measured, Measured) else tuple(measured)
    every = tuple(with_vcpus(one, catalog.instance_types) for one in every)
    site = Site.of(every, catalog, load, order, assumptions)
    tiers = tuple(_tier_plan(site, tier) for tier in _tiers(catalog, load, order))
    return Plan(
        tiers=tiers,
        measured=every,
        assumptions=assumptions,
        catalog=catalog.name,
        currency=catalog.currency,
        region=catalog.region,
        draws=site.cases.draws,
        inputs=site.ranges,
        budget=order.budget,
        remarks=tuple(_remarks(site, load)),
    )


def _tier_plan(site: Site, tier: TierLoad) -> TierPlan:
    traffic = site.traffic(tier.load)
    choices = [choice_of(site, tier, instance, traffic) for instance in site.types.values()]
    services = tuple(service_of(tier, one, traffic) for one in site.catalog.mail_services.values())
    return TierPlan(tier.name, tier.load, tier.promised, ranked(choices, site.catalog.currency), services)


def _tiers(catalog: Catalog, load: HourlyLoad | None, order: Order) -> Iterator[TierLoad]:
    """Everything that is to be planned."""
    names = tuple(catalog.tiers) if "all" in order.tiers else tuple(order.tiers)
    for name in names:
        if name not in catalog.tiers:
            raise UsageError(f"the catalogue has no tier {name!r}", hint=suggest(name, catalog.tiers))
        tier = catalog.tiers[name]
        yield TierLoad(name, _at_peak(load, tier.rate_per_s), tier.availability)
    if order.rate_per_s is not None:
        yield TierLoad(format_rate(order.rate_per_s), _at_peak(load, order.rate_per_s), None)
    elif not names:
        if load is None:
            raise UsageError("there is nothing to plan for", hint="name a scenario, a tier or a rate")
        yield TierLoad(load.name, load, None)


def _at_peak(load: HourlyLoad | None, rate_per_s: float) -> HourlyLoad:
    return steady_load(rate_per_s) if load is None else load.scaled_to(rate_per_s)


def _remarks(site: Site, load: HourlyLoad | None) -> Iterator[str]:
    for one in site.measured:
        yield f"capacity of {one.node.instance_type or 'a node'}: {one.basis}"
        yield f"time for a message: {node_time_of(one, site.assumptions)[1]}"
    if load is not None and load.remark:
        yield load.remark
    if site.assumptions.message_size is None and (load is None or load.message_bytes is None):
        yield "no scenario says how large messages are: 10 to 90 KiB are assumed"
    sources = dict.fromkeys(site.catalog.availability_sources.values())
    yield from (f"the provider's availability is {source}" for source in sources)
    for name, instance in site.types.items():
        if instance.hourly is not None and instance.hourly.suspect:
            yield f"the price of {name} is doubted: {instance.hourly.suspect}"
    unknown = sum(instance.network_bits_per_s is None for instance in site.types.values())
    if unknown:
        yield f"the bandwidth of {unknown} of {len(site.types)} types is not in the catalogue: it limits nothing here"
