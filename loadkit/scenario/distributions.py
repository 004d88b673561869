"""Distributions of whole numbers, such as sizes in bytes or recipients per message."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from loadkit.scenario.findings import Finding, FindingsError, KeyPath, raise_findings, suggest

Integers = npt.NDArray[np.int64]
ReadNumber = Callable[[object], int]
WriteNumber = Callable[[int], object]

_NORMAL = NormalDist()
_Z95 = _NORMAL.inv_cdf(0.95)
_SHARE_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Constant:
    """Always the same number."""

    value: int

    @property
    def mean(self) -> float:
        """The expected value."""
        return float(self.value)

    @property
    def least(self) -> int:
        """The smallest number that is meant to be drawn."""
        return self.value

    @property
    def most(self) -> int:
        """The largest number that can be drawn."""
        return self.value

    def sample(self, generator: np.random.Generator, count: int) -> Integers:
        """Draw numbers; the generator's state does not change."""
        del generator
        return np.full(count, self.value, dtype=np.int64)

    def to_plain(self, write: WriteNumber) -> object:
        """The distribution as written in YAML."""
        return write(self.value)


@dataclass(frozen=True, slots=True)
class Uniform:
    """Every whole number from low to high, both included, equally often."""

    low: int
    high: int

    @property
    def mean(self) -> float:
        """The expected value."""
        return (self.low + self.high) / 2

    @property
    def least(self) -> int:
        """The smallest number that is meant to be drawn."""
        return self.low

    @property
    def most(self) -> int:
        """The largest number that can be drawn."""
        return self.high

    def sample(self, generator: np.random.Generator, count: int) -> Integers:
        """Draw numbers, one variate each."""
        return self.low + np.floor(generator.random(count) * (self.high - self.low + 1)).astype(np.int64)

    def to_plain(self, write: WriteNumber) -> object:
        """The distribution as written in YAML."""
        return {"uniform": [write(self.low), write(self.high)]}


@dataclass(frozen=True, slots=True)
class Lognormal:
    """A log-normal distribution by its median and 95th percentile; a draw above the maximum becomes the maximum."""

    median: int
    p95: int
    max: int

    @property
    def mean(self) -> float:
        """The expected value, the cap at the maximum included.

        Notes:
            E[min(X, m)] = exp(mu + s^2/2) F((ln m - mu - s^2) / s) + m (1 - F((ln m - mu) / s)), F the normal
            distribution function: the partial expectation of a log-normal variable plus the mass at the cap.
        """
        mu, sigma = self._parameters
        above = (math.log(self.max) - mu) / sigma
        return math.exp(mu + sigma**2 / 2) * _NORMAL.cdf(above - sigma) + self.max * (1 - _NORMAL.cdf(above))

    @property
    def least(self) -> int:
        """The smallest number that is meant to be drawn: the median, as the lower tail has no end of its own."""
        return self.median

    @property
    def most(self) -> int:
        """The largest number that can be drawn."""
        return self.max

    def sample(self, generator: np.random.Generator, count: int) -> Integers:
        """Draw numbers, one normal variate each, at least 1."""
        mu, sigma = self._parameters
        # Capped before exp() and again after rounding, so that a wide distribution can't overflow.
        logarithms = np.minimum(mu + sigma * generator.standard_normal(count), math.log(self.max))
        return np.clip(np.rint(np.exp(logarithms)), 1, self.max).astype(np.int64)

    def to_plain(self, write: WriteNumber) -> object:
        """The distribution as written in YAML."""
        return {"lognormal": {"median": write(self.median), "p95": write(self.p95), "max": write(self.max)}}

    @property
    def _parameters(self) -> tuple[float, float]:
        return math.log(self.median), math.log(self.p95 / self.median) / _Z95


@dataclass(frozen=True, slots=True)
class Table:
    """Given numbers with given shares.

    Args:
        values: The numbers, in file order.
        shares: Their shares, which add up to 1.
    """

    values: tuple[int, ...]
    shares: tuple[float, ...]

    @property
    def mean(self) -> float:
        """The expected value."""
        return sum(value * share for value, share in zip(self.values, self.shares, strict=True))

    @property
    def least(self) -> int:
        """The smallest number that is meant to be drawn."""
        return min(self.values)

    @property
    def most(self) -> int:
        """The largest number that can be drawn."""
        return max(self.values)

    def sample(self, generator: np.random.Generator, count: int) -> Integers:
        """Draw numbers, one variate each."""
        return np.asarray(self.values, dtype=np.int64)[choose(generator, self.shares, count)]

    def to_plain(self, write: WriteNumber) -> object:
        """The distribution as written in YAML."""
        return {"table": {write(value): share for value, share in zip(self.values, self.shares, strict=True)}}


Distribution = Constant | Uniform | Lognormal | Table


def choose(generator: np.random.Generator, shares: tuple[float, ...], count: int) -> Integers:
    """Draw indexes with given shares, one variate each.

    Args:
        generator: Source of randomness.
        shares: Positive weights; they need not add up to 1.
        count: How many to draw.
    """
    cumulative = np.cumsum(shares)
    indexes = np.searchsorted(cumulative / cumulative[-1], generator.random(count), side="right")
    return np.minimum(indexes, len(shares) - 1).astype(np.int64)


def parse_distribution(value: object, read: ReadNumber) -> Distribution:
    """Read a distribution as written in YAML.

    Args:
        value: A number, or a mapping with the one key ``uniform``, ``lognormal`` or ``table``.
        read: Reads one number; raises ValueError if it is none.

    Raises:
        FindingsError: With everything that is wrong, keys below the value.
    """
    if not isinstance(value, Mapping):
        return Constant(_read_all({(): value}, read)[()])
    if len(value) != 1:
        raise FindingsError(Finding("must have exactly one key", fix=f"one of: {', '.join(_PARSERS)}"))
    name, body = next(iter(value.items()))
    if name not in _PARSERS:
        raise FindingsError(Finding("is not a known key", (str(name),), suggest(str(name), _PARSERS)))
    return _PARSERS[name](body, read)


def distribution_schema(number: dict[str, Any]) -> dict[str, Any]:
    """The JSON Schema of a distribution, given that of its numbers."""
    names = ("median", "p95", "max")
    share = {"type": "number", "exclusiveMinimum": 0, "maximum": 1}
    bodies: dict[str, tuple[str, dict[str, Any]]] = {
        "uniform": (
            "Every whole number from the lowest to the highest equally often.",
            {"type": "array", "items": number, "minItems": 2, "maxItems": 2},
        ),
        "lognormal": (
            "By median and 95th percentile; a draw above the maximum becomes the maximum.",
            {
                "type": "object",
                "properties": dict.fromkeys(names, number),
                "required": list(names),
                "additionalProperties": False,
            },
        ),
        "table": (
            "Numbers with their shares, which add up to 1.",
            {
                "type": "object",
                "propertyNames": _as_key(number),
                "additionalProperties": share,
                "minProperties": 1,
            },
        ),
    }
    named = {
        "type": "object",
        "properties": {name: {"description": words, **body} for name, (words, body) in bodies.items()},
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }
    return {"anyOf": [number, named]}


def _as_key(number: dict[str, Any]) -> dict[str, Any]:
    """The schema of a number as a key; without the type, since some editors take the key 20 for a number."""
    form = next(form for form in number.get("anyOf", [number]) if form["type"] == "string")
    return {name: value for name, value in form.items() if name != "type"}


def _parse_uniform(body: object, read: ReadNumber) -> Uniform:
    if not isinstance(body, list | tuple) or len(body) != 2:  # noqa: PLR2004 - a range has two ends
        raise FindingsError(Finding("must be a list of two numbers", ("uniform",), "write [lowest, highest]"))
    low, high = _read_all({("uniform", index): item for index, item in enumerate(body)}, read).values()
    if low > high:
        raise FindingsError(Finding("the lowest is above the highest", ("uniform",), "write [lowest, highest]"))
    return Uniform(low, high)


def _parse_lognormal(body: object, read: ReadNumber) -> Lognormal:
    names = ("median", "p95", "max")
    if not isinstance(body, Mapping):
        raise FindingsError(Finding("must be a block of keys", ("lognormal",), f"give {', '.join(names)}"))
    unknown = [Finding("is not a known key", ("lognormal", key), suggest(key, names)) for key in body.keys() - names]
    missing = [Finding("is missing", ("lognormal", name)) for name in names if name not in body]
    raise_findings(unknown + missing)
    median, p95, most = _read_all({("lognormal", name): body[name] for name in names}, read).values()
    if not 0 < median < p95 <= most:
        raise FindingsError(Finding("must be in order", ("lognormal",), "median < p95 <= max"))
    return Lognormal(median, p95, most)


def _parse_table(body: object, read: ReadNumber) -> Table:
    if not isinstance(body, Mapping) or not body:
        raise FindingsError(Finding("must be a block of shares", ("table",), "write {1: 0.9, 20: 0.1}"))
    raise_findings(
        Finding("must be a share between 0 and 1", ("table", str(key)))
        for key, share in body.items()
        if not _is_share(share)
    )
    total = sum(body.values())
    if abs(total - 1) > _SHARE_TOLERANCE:
        raise FindingsError(Finding(f"the shares add up to {total:g}", ("table",), "make them add up to 1"))
    values = _read_all({("table", str(key)): key for key in body}, read)
    return Table(tuple(values.values()), tuple(float(share) for share in body.values()))


def _is_share(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1


def _read_all(items: Mapping[KeyPath, object], read: ReadNumber) -> dict[KeyPath, int]:
    numbers: dict[KeyPath, int] = {}
    findings: list[Finding] = []
    for key, item in items.items():
        try:
            numbers[key] = read(item)
        except ValueError as error:
            findings.append(Finding(str(error), key))
    raise_findings(findings)
    return numbers


_PARSERS: Mapping[str, Callable[[object, ReadNumber], Distribution]] = {
    "uniform": _parse_uniform,
    "lognormal": _parse_lognormal,
    "table": _parse_table,
}
