"""What a plan assumes where nothing was measured: every value with its default, as people write and change it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, PlainSerializer, Strict, WithJsonSchema, model_validator

from loadkit.errors import ScenarioError
from loadkit.plan.extrapolation import SMALLEST_WIDENING
from loadkit.plan.uncertain import Range
from loadkit.scenario.block import Block
from loadkit.scenario.document import Document, read_document
from loadkit.scenario.findings import Finding, FindingsError
from loadkit.scenario.json_schema import field_docstrings
from loadkit.scenario.quantities import JsonSchema, WholeNumber, quantity_schema
from loadkit.scenario.reading import build_model, read_text
from loadkit.units import BYTES_PER_UNIT, DURATION_PATTERN, SIZE_PATTERN, parse_duration, parse_size

_ENDS = 3
_NUMBER_PATTERN = r"[0-9]{1,15}(?:\.[0-9]{1,9})?"
_NUMBER = re.compile(_NUMBER_PATTERN)
_BETWEEN = ".."
OPTION = "--assume"
"""What stands in the place of a file's name in messages about what was given so."""


class AssumptionsError(ScenarioError):
    """Assumptions are wrong; holds every problem found, as for a scenario."""

    place = "the assumptions; nothing was planned"


def _number(text: str) -> float:
    if not _NUMBER.fullmatch(text.strip()):
        raise ValueError(f"{text!r} is not a number")
    return float(text)


def _range_reader(read: Callable[[str], float], most: float) -> Callable[[object], Range]:
    def parse(value: object) -> Range:
        if isinstance(value, Range):
            return value
        ends = value if isinstance(value, list) else str(value).split(_BETWEEN)
        if len(ends) not in (1, _ENDS):
            raise ValueError(f"{value!r} is not one value or three: write low..mid..high, of which each may be alone")
        numbers = [read(str(end)) for end in ends]
        if not all(0 < number <= most for number in numbers):
            raise ValueError(f"must be above 0 and at most {most:g}, not {value}")
        return Range(*numbers) if len(numbers) == _ENDS else Range.exactly(numbers[0])

    return parse


def _range_writer(write: Callable[[float], str]) -> Callable[[Range], str]:
    def text(value: Range) -> str:
        ends = (value.mid,) if value.certain else (value.low, value.mid, value.high)
        return _BETWEEN.join(write(end) for end in ends)

    return text


def _range_schema(pattern: str, *examples: str) -> JsonSchema:
    dots = re.escape(_BETWEEN)
    text = quantity_schema(rf"(?:{pattern})(?:\s*{dots}\s*(?:{pattern})\s*{dots}\s*(?:{pattern}))?", *examples)
    one = {"anyOf": [{"type": "number", "exclusiveMinimum": 0}, quantity_schema(pattern, examples[0])]}
    three = {"type": "array", "items": one, "minItems": _ENDS, "maxItems": _ENDS}
    return {"anyOf": [text, {"type": "number", "exclusiveMinimum": 0}, three]}


def _plain(number: float) -> str:
    return f"{number:.9f}".rstrip("0").rstrip(".")


def _exact_size(size_bytes: float) -> str:
    unit = next(unit for unit in ("GiB", "MiB", "KiB", "B") if unit == "B" or size_bytes >= BYTES_PER_UNIT[unit])
    return f"{_plain(size_bytes / BYTES_PER_UNIT[unit])}{unit}"


def _exact_time(duration_s: float) -> str:
    return f"{_plain(duration_s)}s"


def _range(
    read: Callable[[str], float], write: Callable[[float], str], most: float, pattern: str, *examples: str
) -> tuple[BeforeValidator, PlainSerializer, WithJsonSchema]:
    return (
        BeforeValidator(_range_reader(read, most)),
        PlainSerializer(_range_writer(write)),
        WithJsonSchema(_range_schema(pattern, *examples)),
    )


Factor = Annotated[Range, *_range(_number, _plain, 1e3, _NUMBER_PATTERN, "1.2", "0.8..1..1.25")]
Exponent = Annotated[Range, *_range(_number, _plain, 1.0, _NUMBER_PATTERN, "0.9", "0.75..0.9..1")]
SmallShare = Annotated[Range, *_range(_number, _plain, 0.9, _NUMBER_PATTERN, "0.02", "0.005..0.02..0.06")]
Sizes = Annotated[Range, *_range(parse_size, _exact_size, 2.0**47, SIZE_PATTERN, "30KiB", "10KiB..30KiB..90KiB")]
Times = Annotated[Range, *_range(parse_duration, _exact_time, 1e10, DURATION_PATTERN, "50ms", "20ms..50ms..200ms")]
Share = Annotated[float, Strict(), Field(ge=0, le=1)]
UsableShare = Annotated[float, Strict(), Field(gt=0, le=1)]
Amount = Annotated[float, Strict(), Field(ge=0, le=1e9)]

DEFAULT_SIZE = Range(10 * 1024.0, 30 * 1024.0, 90 * 1024.0)


class Assumptions(Block):
    """What a plan assumes. A range is written low..mid..high: one case of twenty is below low, one above high."""

    headroom: UsableShare = 0.7
    """Share of what a node can do that may be used."""
    demand: Factor = Range(0.8, 1.0, 1.25)
    """Factor on all rates: how far the forecast of the load may be off."""
    retry: SmallShare = Range(0.01, 0.05, 0.15)
    """Share of messages that is sent a second time."""
    message_size: Sizes | None = None
    """Size of a message; the scenario's, from half to double of it, unless told; 10 to 90 KiB without a scenario."""
    messages_per_connection: Amount | None = Field(None, ge=1)
    """Messages in a connection; the scenario's unless told, and 1 where nobody says."""
    idle: Times = Range(0.2, 1.0, 5.0)
    """How long a connection is open beside the time for its messages."""
    node_time: Times | None = None
    """Time that a node takes for a message; measured unless told."""
    box_loss: SmallShare = Range(0.005, 0.02, 0.06)
    """How much each of n nodes loses beside the others, x: it carries n^-x of what one alone does."""
    cores_exponent: Exponent = Range(0.75, 0.9, 1.0)
    """How capacity grows with virtual CPUs, e: as their number to the power e."""
    transfer: Factor = Range(0.7, 1.0, 1.4)
    """Capacity of another family of servers with as many CPUs, over that of the measured one."""
    hardware: Factor = Range(0.4, 1.0, 2.5)
    """Capacity of a bought CPU over that of the measured one, where it is not known what was measured."""
    measured_vcpus: WholeNumber = Field(2, ge=1, le=1024)
    """Virtual CPUs of the measured machine, where it is not known what was measured."""
    widening: float = Field(SMALLEST_WIDENING, ge=SMALLEST_WIDENING, le=2)
    """What each doubling beyond what was measured adds to the standard deviation of the logarithm."""
    widening_base: float = Field(0.05, ge=0, le=2)
    """That deviation just beyond what was measured."""
    spares: WholeNumber = Field(1, ge=0, le=1000)
    """Nodes beyond those needed, at least; more are added until what is promised is reached."""
    zones: WholeNumber = Field(2, ge=1, le=10)
    """Zones that nodes are spread over; the loss of one leaves enough. 1 if it need not."""
    fewest_nodes: WholeNumber = Field(2, ge=1, le=10_000)
    """No fleet is smaller."""
    node_availability: Share = 0.999
    """Share of time that a node is up."""
    node_mtbf: Times | None = None
    """Mean time between two failures of a node; with node_repair it takes the place of node_availability."""
    node_repair: Times | None = None
    """Mean time until a node that failed is replaced."""
    common_cause: Share = 0.05
    """Share of a node's unavailability that takes all of them down at once."""
    disk: str = "essd-pl1"
    """Disk of a node, by its name in the catalogue; none where the name is empty."""
    disk_size: Sizes = Range.exactly(40 * 2.0**30)
    """Size of that disk."""
    disk_operations: Amount = 6.0
    """Operations of the disk for a message: a queue that survives a crash writes and syncs several times."""
    balancer: str = "nlb"
    """Load balancer before the nodes, by its name in the catalogue; none where the name is empty."""
    transfer_price: str = "traffic"
    """How traffic to the internet is paid, by its name in the catalogue; not at all where the name is empty."""
    egress: Share = 1.0
    """Share of bytes that leave for the internet and are paid."""
    storage: str = "standard-lrs"
    """Class that logs and mail are stored in, by its name in the catalogue; none where the name is empty."""
    kept_mail: Share = 0.0
    """Share of mail that is stored; a relay stores none."""

    @property
    def availability(self) -> float:
        """Share of time that a node is up."""
        if self.node_mtbf is None or self.node_repair is None:
            return self.node_availability
        return self.node_mtbf.mid / (self.node_mtbf.mid + self.node_repair.mid)

    @model_validator(mode="after")
    def _pairs(self) -> Self:
        if (self.node_mtbf is None) != (self.node_repair is None):
            lacking = "node_mtbf" if self.node_mtbf is None else "node_repair"
            raise FindingsError(Finding("is missing beside the other", (lacking,), "give both, or node_availability"))
        return self

    def stated(self) -> Iterator[Assumption]:
        """Every assumption with its value, its meaning, and whether somebody chose it."""
        words = field_docstrings(type(self))
        plain = self.model_dump(by_alias=True)
        for name in type(self).model_fields:
            value = plain[name]
            yield Assumption(name, "" if value is None else str(value), words[name], name in self.model_fields_set)


@dataclass(frozen=True, slots=True)
class Assumption:
    """An assumption as a plan shows it.

    Args:
        name: Its key.
        value: Its value, as it is written; empty where something else decides.
        meaning: What it is.
        given: Whether somebody chose it; else it is the default.
    """

    name: str
    value: str
    meaning: str
    given: bool

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"name": self.name, "value": self.value, "meaning": self.meaning, "given": self.given}


def load_assumptions(file: Path | None = None, given: Iterable[str] = ()) -> Assumptions:
    """Assumptions from a file, from single values, or both.

    Args:
        file: YAML; None for the defaults.
        given: Texts such as ``headroom=0.7``; they win, the last of several for one key.

    Raises:
        AssumptionsError: With every problem.
        UsageError: If the file can't be read.
    """
    document = (
        Document({}, {(): 0}, file=OPTION) if file is None else read_document(read_text(file, "assumptions"), str(file))
    )
    values = {name: value for name, _, value in (text.partition("=") for text in given)}
    lines = [f"{name}: {value}" if value else f'{name}: ""' for name, value in values.items()]
    over = read_document("\n".join(lines) or "{}", OPTION)
    return build_model(Assumptions, _merged(document, over), error_type=AssumptionsError)


def _merged(document: Document, over: Document) -> Document:
    """A document with the keys of another one on top, of which none has a line."""
    document.slips += [*over.slips]
    if isinstance(document.data, dict) and isinstance(over.data, Mapping):
        for key, value in over.data.items():
            document.data[key] = value
            document.lines[(key,)], document.files[(key,)] = 0, over.file
    return document
