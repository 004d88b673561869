"""How arrivals follow the rate: evenly, at random, or in bursts with a stated index of dispersion."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

import numpy as np
from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from loadkit.scenario.block import Block
from loadkit.scenario.findings import Finding, FindingsError, suggest
from loadkit.scenario.quantities import Number, Ratio, exact_ratio

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from loadkit.scenario.curve import Floats

_SOJOURNS = 512
_PLAIN = ("poisson", "even")


class Process(Protocol):
    """Arrivals at the rate 1 in operational time, which is the area under the rate curve.

    Notes:
        The index of dispersion of counts is the variance of the number of arrivals in a window over its mean (Cox and
        Lewis, The Statistical Analysis of Series of Events, 1966, 4.5). Poisson arrivals have 1 in every window; what
        others are said to have is the limit for long windows. In a short window all come close to 1.
    """

    @property
    def words(self) -> str:
        """What it is, for people."""

    def areas(self, seed: int, max_block: int) -> Iterator[Floats]:
        """Where arrivals come, ascending, without end, and the same whatever the size of blocks.

        Args:
            seed: Seed of those that are random.
            max_block: How many in a block.
        """

    def end(self, total: float) -> float:
        """The area that all arrivals lie below, of a curve with a total area."""


class Even(Block):
    """As regular as the curve permits: number k comes where the area reaches k + 1/2."""

    @property
    def words(self) -> str:
        """What it is, for people."""
        return "even"

    def areas(self, seed: int, max_block: int) -> Iterator[Floats]:  # noqa: ARG002 - nothing is random
        """See `Process`."""
        for first in itertools.count(0, max_block):
            yield np.arange(first, first + max_block, dtype=np.float64) + 0.5

    def end(self, total: float) -> float:
        """See `Process`."""
        return math.ceil(round(total - 0.5, 6))  # a rounding error is no arrival


class _Random(Block):
    """Arrivals that chance may put anywhere under the curve."""

    def end(self, total: float) -> float:
        """See `Process`."""
        return total


class Poisson(_Random):
    """At random, each for itself.

    Notes:
        Gaps are independent exponentials of mean 1 (time change of the unit-rate Poisson process; Cinlar, Introduction
        to Stochastic Processes, 1975, 4.7).
    """

    @property
    def words(self) -> str:
        """What it is, for people."""
        return "poisson"

    def areas(self, seed: int, max_block: int) -> Iterator[Floats]:
        """See `Process`."""
        return _running_sums(np.random.default_rng(seed).standard_exponential, max_block)


class Gamma(_Random):
    """Renewals with gamma gaps: clusters above a dispersion of 1, regular below it.

    Args:
        dispersion: Index of dispersion of counts in long windows.

    Notes:
        That index of a renewal process is the squared coefficient of variation of its gaps (Cox and Lewis, 1966, 4.5),
        so gaps of mean 1 have the shape 1 / I and the scale I. The first is the rest of a gap that began before, with
        the density 1 - F(x) of equilibrium, so that the expected number of arrivals is the area from the start on. It
        is a uniform part of a gap drawn in proportion to its length, which is gamma of the shape 1 / I + 1 (Cox,
        Renewal Theory, 1962, 5.4).
    """

    dispersion: Number = Field(ge=0.01, le=1000, allow_inf_nan=False)
    """Index of dispersion of counts: variance over mean in the long run; 1 is Poisson."""

    @property
    def words(self) -> str:
        """What it is, for people."""
        return f"gamma renewals with an index of dispersion of {self.dispersion:g}"

    def areas(self, seed: int, max_block: int) -> Iterator[Floats]:
        """See `Process`."""
        generator = np.random.default_rng(seed)
        shape = 1 / self.dispersion
        begun = generator.random() * generator.standard_gamma(shape + 1) * self.dispersion
        return _running_sums(lambda count: generator.standard_gamma(shape, count) * self.dispersion, max_block, begun)


class Mmpp(_Random):
    """A Poisson process whose rate is now high, in bursts, and now low (Markov-modulated, two states).

    Args:
        dispersion: Index of dispersion of counts in long windows.
        factor: How many times the curve's rate it is in a burst.
        share: Share of operational time that bursts take.

    Notes:
        With the rates a in bursts and b between them, which leave at the rates v and w, the limit of the index is
        I = 1 + 2 v w (a - b)^2 / ((v + w)^2 (a w + b v)) (Fischer and Meier-Hellstern, The Markov-modulated Poisson
        process cookbook, Performance Evaluation 18, 1993). With the mean rate 1, the share p = w / (v + w) and a the
        factor, b = (1 - p a) / (1 - p), and the mean length of a burst is 1 / v = (I - 1) / (2 p (a - 1)^2): none of
        these depends on the curve. Lengths are exponential, and the first state is that of equilibrium.
    """

    dispersion: Number = Field(gt=1, le=1e6, allow_inf_nan=False)
    """Index of dispersion of counts: variance over mean in the long run."""
    factor: Number = Field(gt=1, le=1000, allow_inf_nan=False)
    """The rate in bursts over the rate on average."""
    share: Ratio
    """How much of the time is bursts."""

    @property
    def low_factor(self) -> float:
        """How many times the curve's rate it is between bursts."""
        return max(0.0, (1 - self.share * self.factor) / (1 - self.share))

    @property
    def burst_area(self) -> float:
        """Mean length of a burst in operational time: what the curve alone would send meanwhile."""
        return (self.dispersion - 1) / (2 * self.share * (self.factor - 1) ** 2)

    @property
    def words(self) -> str:
        """What it is, for people."""
        return (
            f"Markov-modulated Poisson with an index of dispersion of {self.dispersion:g}: bursts of about "
            f"{self.factor * self.burst_area:,.0f} messages at {self.factor:g} times the rate, "
            f"{exact_ratio(self.share)} of the time"
        )

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if self.share * self.factor > 1:
            least = f"at most {1 / self.share:.4g}, or a share of at most {100 / self.factor:.4g}%"
            message = f"bursts at {self.factor:g} times the rate in {exact_ratio(self.share)} of the time are too many"
            raise FindingsError(Finding(message, ("factor",), least))
        if self.share * self.factor == 1 == self.share:
            raise FindingsError(Finding("bursts can't take all the time", ("share",), "write less than 100%"))
        if self.factor * self.burst_area < 1:
            least_dispersion = 1 + 2 * self.share * (self.factor - 1) ** 2 / self.factor
            message = "bursts would be shorter than one message"
            raise FindingsError(
                Finding(message, ("dispersion",), f"at least {least_dispersion:.4g}, or another factor")
            )
        return self

    def areas(self, seed: int, max_block: int) -> Iterator[Floats]:
        """See `Process`."""
        # Within a state the rate is steady, so steps of a Poisson process of rate 1 are steps in rate times time.
        spells = self._spells(np.random.default_rng((seed, 1)))
        edges, starts, rates = np.zeros(1), np.zeros(1), np.empty(0)
        for steps in _running_sums(np.random.default_rng(seed).standard_exponential, max_block):
            while edges[-1] <= steps[-1]:
                lengths, more = next(spells)
                edges = np.concatenate((edges, _carried(lengths * more, float(edges[-1]))))
                starts = np.concatenate((starts, _carried(lengths, float(starts[-1]))))
                rates = np.concatenate((rates, more))
            spell = np.searchsorted(edges, steps, side="right") - 1
            yield starts[spell] + (steps - edges[spell]) / rates[spell]
            done = int(spell[-1])
            edges, starts, rates = edges[done:], starts[done:], rates[done:]

    def _spells(self, generator: np.random.Generator) -> Iterator[tuple[Floats, Floats]]:
        """Lengths of states one behind the other, and the rates in them."""
        means = np.array([self.burst_area, self.burst_area * (1 - self.share) / self.share])
        rates = np.array([self.factor, self.low_factor])
        states = (np.arange(_SOJOURNS) + (generator.random() >= self.share)) % 2
        while True:
            yield generator.standard_exponential(_SOJOURNS) * means[states], rates[states]


class Arrivals(Block):
    """How arrivals follow the rate: a process by its name, or with what it needs."""

    one_of: ClassVar[bool] = True
    shorthand: ClassVar[Mapping[str, Any]] = {"enum": list(_PLAIN)}

    poisson: Poisson | None = None
    """At random, independent of each other."""
    even: Even | None = None
    """Evenly spaced."""
    gamma: Gamma | None = None
    """With gaps of a gamma distribution."""
    mmpp: Mmpp | None = None
    """At random, in bursts and calm spells (Markov-modulated Poisson)."""

    @property
    def process(self) -> Process:
        """The one that is given."""
        return next(process for process in self._given() if process is not None)

    def _given(self) -> tuple[Process | None, ...]:
        return self.poisson, self.even, self.gamma, self.mmpp

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        if value in _PLAIN:
            return {value: {}}
        if value in cls.model_fields:
            raise FindingsError(Finding(f"{value} needs numbers", fix=_example(value)))
        raise FindingsError(Finding(f"{value!r} is not possible here", fix=suggest(value, cls.model_fields)))

    @model_validator(mode="after")
    def _one_process(self) -> Self:
        if sum(process is not None for process in self._given()) != 1:
            fix = f"one of: {', '.join(type(self).model_fields)}"
            raise FindingsError(Finding("must have exactly one key", fix=fix))
        return self

    @model_serializer(mode="wrap")
    def _by_name(self, handler: SerializerFunctionWrapHandler) -> object:
        return next((name for name in _PLAIN if getattr(self, name) is not None), handler(self))


POISSON = Arrivals(poisson=Poisson())


def _example(name: str) -> str:
    numbers = {"gamma": "dispersion: 4", "mmpp": "dispersion: 20, factor: 5, share: 10%"}[name]
    return f"write {{{name}: {{{numbers}}}}}"


def _running_sums(draw: Callable[[int], Floats], max_block: int, first: float | None = None) -> Iterator[Floats]:
    """Sums of gaps from 0 on, without end.

    Args:
        draw: Draws a number of gaps.
        max_block: How many sums in a block.
        first: The first gap, where it is of another kind.
    """
    gaps, reached = draw(max_block), 0.0
    gaps[0] = gaps[0] if first is None else first
    while True:
        sums = _carried(gaps, reached)
        reached = float(sums[-1])
        yield sums
        gaps = draw(max_block)


def _carried(gaps: Floats, reached: float) -> Floats:
    """Sums of gaps from a number on, added one by one, so that it does not matter where a block ends."""
    gaps[0] += reached
    sums: Floats = np.cumsum(gaps)
    return sums
