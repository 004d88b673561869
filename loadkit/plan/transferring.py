"""From the node that was measured to one that is bought: its capacity, and how far each axis is stretched."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from loadkit.plan.assumptions import Assumptions
from loadkit.plan.extrapolation import Axis, Widening, joint_sd_log
from loadkit.plan.measured import Measured, Node
from loadkit.plan.uncertain import Cases, Floats, Range

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loadkit.plan.catalog import InstanceType


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a fleet asks of its axes, in the median case.

    Args:
        rate_per_s: Of a cell at its peak.
        nodes: That carry it.
        cells: Fleets of one size.
    """

    rate_per_s: float
    nodes: int
    cells: int


@dataclass(frozen=True, slots=True)
class Basis:
    """What the capacity of a type rests on: what was measured on one machine, taken over to another.

    Args:
        measured: What was measured.
        family: Family of the measured type; empty where it is not known.
        vcpus: Virtual CPUs of the measured machine; None where they are not known.
        instance: What is bought.
    """

    measured: Measured
    family: str
    vcpus: int | None
    instance: InstanceType

    @property
    def same_type(self) -> bool:
        """Whether this very type was measured."""
        return self.measured.node.instance_type == self.instance.name

    @property
    def same_family(self) -> bool:
        """Whether a type of its family was measured."""
        return bool(self.family) and self.family == self.instance.family

    @property
    def extent(self) -> float | None:
        """CPUs bought over CPUs measured, or the other way round: one size was measured, and none beside it.

        None where nothing is known of what was measured, or where it was of another family.
        """
        if self.vcpus is None or (self.family and not self.same_family):
            return None
        ratio = self.instance.vcpus / self.vcpus
        return max(ratio, 1 / ratio)

    def factor(self, assumptions: Assumptions, cases: Cases) -> Floats:
        """Capacity of what is bought over that of what was measured, in every case."""
        exponent = cases.of("cores_exponent", assumptions.cores_exponent)
        vcpus = self.vcpus or assumptions.measured_vcpus
        factor: Floats = (self.instance.vcpus / vcpus) ** exponent
        if self.vcpus is None:
            factor = factor * cases.of("hardware", assumptions.hardware)
        if not self.same_family and self.vcpus is not None:
            factor = factor * cases.of(f"transfer:{self.instance.family}", assumptions.transfer)
        return factor

    def words(self, assumptions: Assumptions) -> str:
        """What was assumed to take it over; empty where this very type was measured."""
        if self.same_type:
            return ""
        if self.vcpus is None:
            factor = assumptions.hardware
            return (
                f"the measured machine is not known: taken for {assumptions.measured_vcpus} virtual CPUs, each "
                f"{_span(factor)} times as fast when bought"
            )
        said = f"from {self.vcpus} virtual CPUs to {self.instance.vcpus} by their number to the power "
        said += _span(assumptions.cores_exponent)
        if not self.same_family:
            said += f", and {_span(assumptions.transfer)} times that for another family"
        return said


def basis_of(instance: InstanceType, measured: Sequence[Measured], types: Mapping[str, InstanceType]) -> Basis:
    """The measurement that says most of a type: of itself, else of its family and nearest in size, else the first.

    Args:
        instance: What is bought.
        measured: What was measured; at least one.
        types: Types of the catalogue, by name.
    """
    every = [_basis(instance, one, types.get(one.node.instance_type)) for one in measured]
    return min(every, key=lambda one: (not one.same_type, not one.same_family, one.extent or 0.0))


def _basis(instance: InstanceType, measured: Measured, known: InstanceType | None) -> Basis:
    vcpus = measured.node.vcpus if known is None else known.vcpus
    return Basis(measured, "" if known is None else known.family, vcpus, instance)


def with_vcpus(measured: Measured, types: Mapping[str, InstanceType]) -> Measured:
    """The measurement with the CPUs of its type, where the catalogue knows it."""
    known = types.get(measured.node.instance_type)
    return measured if known is None else replace(measured, node=Node(known.name, known.vcpus))


def node_time_of(measured: Measured, assumptions: Assumptions) -> tuple[Range | None, str]:
    """Time that a node takes for a message, and where it is from; None where nobody says."""
    if assumptions.node_time is not None:
        return assumptions.node_time, "assumed: node_time"
    if measured.node_time_s is None:
        return None, "unknown: the trials hold no response time, so assume one by node_time"
    return Range.exactly(measured.node_time_s), measured.node_time_basis


def axes_of(basis: Basis, wanted: Wanted, assumptions: Assumptions) -> tuple[Axis, ...]:
    """How far a fleet goes beyond what was measured, on each axis.

    Args:
        basis: What was measured, and what is bought.
        wanted: What the fleet asks.
        assumptions: What is assumed where nothing was measured.
    """
    measured = basis.measured
    widening = Widening(assumptions.widening_base, assumptions.widening)
    axes = [
        _concurrency(measured, wanted, assumptions),
        _cores(basis, assumptions),
        _axis("boxes", "nodes", wanted.nodes, measured.boxes, _boxes_experiment(wanted.nodes)),
        _axis("rate", "/s", wanted.rate_per_s, measured.rate_per_s, _rate_experiment(wanted.rate_per_s)),
    ]
    if wanted.cells > 1:
        experiment = f"drive {math.ceil(wanted.cells / 3)} cells at once, through what routes between them"
        axes.append(_axis("routing", "cells", wanted.cells, 1, experiment))
    return tuple(replace(axis, sd_log=widening.sd_log(axis.extent)) for axis in axes)


def capacity_of(basis: Basis, axes: tuple[Axis, ...], assumptions: Assumptions, cases: Cases) -> Floats:
    """What the processor of a bought node carries at most, in every case, shape (cases,)."""
    beyond = Range.exactly(1.0).widened(joint_sd_log(axes))
    factor = 1.0 if basis.same_type else basis.factor(assumptions, cases)
    measured = cases.of(f"capacity:{basis.measured.node.instance_type}", basis.measured.capacity_per_s)
    capacity: Floats = measured * factor * cases.of("extrapolation", beyond)
    return capacity


def _axis(name: str, unit: str, wanted: float, measured: float, experiment: str) -> Axis:
    extent = wanted / measured
    return Axis(name, unit, wanted, measured, extent, 0.0, "", experiment if extent > 1 else "")


def _concurrency(measured: Measured, wanted: Wanted, assumptions: Assumptions) -> Axis:
    """Messages at work in a node at once, by Little's law."""
    time, time_basis = node_time_of(measured, assumptions)
    if time is None or measured.sessions <= 0:
        experiment = "make a trial at a rate, which tells how long a message takes"
        return Axis("concurrency", "sessions", None, measured.sessions or None, None, 0.0, time_basis, experiment)
    at_work = wanted.rate_per_s / wanted.nodes * time.mid
    experiment = f"run closed loops of {math.ceil(at_work)} sessions"
    axis = _axis("concurrency", "sessions", at_work, measured.sessions, experiment)
    return replace(axis, prior=time_basis if assumptions.node_time is not None else "")


def _cores(basis: Basis, assumptions: Assumptions) -> Axis:
    experiment = f"measure a ladder on {basis.instance.name}"
    if basis.vcpus is None:
        experiment = "say what was measured, or measure a ladder on the type that is bought"
    return Axis(
        "cores",
        "virtual CPUs",
        basis.instance.vcpus,
        basis.vcpus,
        basis.extent,
        0.0,
        basis.words(assumptions),
        "" if basis.same_type else experiment,
    )


def _boxes_experiment(nodes: int) -> str:
    return f"drive {max(2, math.ceil(nodes / 3))} nodes at once behind one load balancer"


def _rate_experiment(rate_per_s: float) -> str:
    return f"drive {rate_per_s / 3:,.0f}/s for a modelled answer, {rate_per_s / 1.5:,.0f}/s for a supported one"


def _span(value: Range) -> str:
    return f"{value.mid:g}" if value.certain else f"{value.mid:g} ({value.low:g} to {value.high:g})"
