"""Servers in virtual time, each with a known capacity, to try searches on: no sockets and no clock.

A trial begins with an empty server at a random moment of whatever it does periodically; the first seconds are not
measured, as in real trials.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from heapq import heapreplace

import numpy as np
import numpy.typing as npt
from scipy.special import pdtr, pdtrc

from loadkit.analysis.evidence import Observation, is_overloaded
from loadkit.analysis.goals import Goal, parse_goal
from sinks.behaviour.station import StationQueue

Floats = npt.NDArray[np.float64]
Random = np.random.Generator

WARM_UP_S = 2.0
SERVED_PER_S = 1000.0
SUCCESS = "success >= 99.95%"

Respond = Callable[[Floats, Random], Floats]
"""Response times in seconds of arrivals at ascending times since the trial's start; NaN for what is refused."""
Capacity = Callable[[Goal], float]


@dataclass(frozen=True, slots=True)
class Server:
    """A simulated server.

    Args:
        name: What it does.
        goals: What is wanted of it, as text.
        respond: How it answers.
        capacity: The largest rate that meets a goal by theory; None where only simulation can tell.
        even: Whether arrivals are evenly spaced, which some theories ask for; else they are Poisson.
    """

    name: str
    goals: tuple[str, ...]
    respond: Respond
    capacity: Capacity | None = None
    even: bool = False

    def trial(self, rate_per_s: float, duration_s: float, random: Random) -> Observation:
        """What a trial at a rate sees."""
        end_s = WARM_UP_S + duration_s
        if self.even:
            arrivals = np.arange(random.random(), rate_per_s * end_s) / rate_per_s
        else:
            arrivals = np.sort(random.random(random.poisson(rate_per_s * end_s))) * end_s
        responses = self.respond(arrivals, random)
        return observe(arrivals, responses, tuple(map(parse_goal, self.goals)), end_s)


def observe(arrivals: Floats, responses: Floats, goals: tuple[Goal, ...], end_s: float) -> Observation:
    """Batches by second of arrival, and the backlog at the end of each second."""
    edges = np.arange(WARM_UP_S, end_s + 0.5)
    failed = np.isnan(responses)
    slow = [failed if goal.limit_s is None else failed | (responses > goal.limit_s) for goal in goals]
    departures = np.sort(np.where(failed, arrivals, arrivals + responses))
    backlog = np.searchsorted(arrivals, edges[1:]) - np.searchsorted(departures, edges[1:])

    def per_second(times: Floats) -> tuple[int, ...]:
        return tuple(np.histogram(times, edges)[0].tolist())

    return Observation(
        offered=per_second(arrivals),
        failed=per_second(arrivals[failed]),
        bad=tuple(per_second(arrivals[one]) for one in slow),
        backlog=tuple(backlog.astype(float).tolist()),
    )


def in_turn(arrivals: Floats, service_s: Floats) -> Floats:
    """Response times at one server that takes work in its order of arrival (Lindley, 1952), without a loop."""
    done = np.cumsum(service_s)
    return done + np.maximum.accumulate(arrivals - (done - service_s)) - arrivals


def tail_of_queue(rate_per_s: float, servers: int, served_per_s: float, limit_s: float) -> float:
    """P(response time > limit) of M/M/c by Erlang C; `served_per_s` is of one server."""
    offered = rate_per_s / served_per_s
    if offered >= servers:
        return 1.0
    # Erlang B as a ratio of Poisson probabilities, and Erlang C from it.
    blocked = (pdtr(servers, offered) - pdtr(servers - 1, offered)) / pdtr(servers, offered)
    waits = blocked / (1 - offered / servers * (1 - blocked))
    spare, left = servers - 1 - offered, math.exp(-served_per_s * limit_s)
    return float(left * (1 + waits * -math.expm1(-served_per_s * limit_s * spare) / spare))


def largest(meets: Callable[[float], bool], low: float, high: float, relative: float = 1e-4) -> float:
    """The largest rate that meets something which every smaller rate meets too."""
    while high / low > 1 + relative:
        middle = math.sqrt(low * high)
        low, high = (middle, high) if meets(middle) else (low, middle)
    return low


def queue(servers: int) -> Server:
    """M/M/c."""
    each_per_s = SERVED_PER_S / servers

    def respond(arrivals: Floats, random: Random) -> Floats:
        services = random.exponential(1 / each_per_s, arrivals.size).tolist()
        free_at = [0.0] * servers
        done = []
        for now, service in zip(arrivals.tolist(), services, strict=True):
            begin = max(now, free_at[0])
            heapreplace(free_at, begin + service)
            done.append(begin + service)
        return np.array(done) - arrivals

    def capacity(goal: Goal) -> float:
        limit_s = goal.limit_s
        assert limit_s is not None
        return largest(
            lambda rate: tail_of_queue(rate, servers, each_per_s, limit_s) <= goal.allowed, 1.0, SERVED_PER_S
        )

    return Server(f"M/M/{servers}", ("p(99) < 25ms",), respond, capacity)


def deterministic() -> Server:
    """D/D/1: every message takes 1 ms; above 1,000/s a backlog grows, and 99.5 % of 1,005/s are still served."""
    return Server(
        "deterministic limit",
        ("p(99) < 500ms",),
        lambda arrivals, _: in_turn(arrivals, np.full(arrivals.size, 1 / SERVED_PER_S)),
        lambda _: SERVED_PER_S / 0.995,
        even=True,
    )


def pausing(every_s: float = 2.0, pause_s: float = 0.101) -> Server:
    """Stands still every so often and then catches up.

    An arrival t after a pause began takes pause - t (1 - r / c) + 1 / c at the rate r, so the share
    (pause + 1 / c - limit) / (every (1 - r / c)) takes too long.
    """

    def capacity(goal: Goal) -> float:
        assert goal.limit_s is not None
        return SERVED_PER_S * (1 - (pause_s + 1 / SERVED_PER_S - goal.limit_s) / (goal.allowed * every_s))

    return Server("pauses", ("p(99) < 100ms",), with_speed(every_s, pause_s, 0.0), capacity, even=True)


def with_speed(every_s: float, slow_s: float, speed: float) -> Respond:
    """One server of 1 ms a message that works at another speed for the first seconds of every period."""
    per_period = slow_s * speed + (every_s - slow_s)

    def work_until(times: Floats) -> Floats:
        periods, rest = np.divmod(times, every_s)
        return periods * per_period + np.where(rest < slow_s, rest * speed, slow_s * speed + rest - slow_s)

    def when(work: Floats) -> Floats:
        periods, rest = np.divmod(work, per_period)
        slow = rest / speed if speed else np.full(rest.size, slow_s)
        return periods * every_s + np.where(rest < slow_s * speed, slow, slow_s + rest - slow_s * speed)

    def respond(arrivals: Floats, random: Random) -> Floats:
        began = random.random() * every_s
        work = work_until(arrivals + began)
        return when(work + in_turn(work, np.full(arrivals.size, 1 / SERVED_PER_S))) - began - arrivals

    return respond


def dipping() -> Server:
    """Works at half its speed for 0.8 s of every 4 s, as while a job runs beside it."""
    return Server("periodic dips", ("p(99) < 200ms",), with_speed(4.0, 0.8, 0.5))


def leaking(messages: int = 2000, slower: float = 0.5) -> Server:
    """Every message takes a little longer than the last until it is restarted, after so many.

    What waits at the end of such a round has waited less than the limit, so that the mean speed is the capacity.
    """

    def respond(arrivals: Floats, random: Random) -> Floats:
        age = (random.integers(messages) + np.arange(arrivals.size)) % messages
        return in_turn(arrivals, (1 + slower * age / messages) / SERVED_PER_S)

    mean_per_s = SERVED_PER_S / (1 + slower / 2)
    return Server("memory leak", ("p(99) < 300ms",), respond, lambda _: mean_per_s / 0.995)


def retrograde() -> Server:
    """Does less the more is asked of it, by the universal scalability law: no rate above its peak can last."""
    alone_per_s, contention, coherency = 50.0, 0.03, 0.001
    most = math.sqrt((1 - contention) / coherency)
    peak_per_s = alone_per_s * most / (1 + contention * (most - 1) + coherency * most * (most - 1))

    def respond(arrivals: Floats, random: Random) -> Floats:
        services = iter(random.exponential(1 / alone_per_s, arrivals.size).tolist())
        station = StationQueue(None, lambda: next(services), contention=contention, coherency=coherency, room=2000)
        return np.array([math.nan if (took := station.serve(now)) is None else took for now in arrivals.tolist()])

    return Server("retrograde", ("p(99) < 500ms",), respond, lambda _: peak_per_s)


def limited(per_window: int = 800) -> Server:
    """Takes so many messages in each second of its own clock and refuses the rest."""

    def respond(arrivals: Floats, random: Random) -> Floats:
        window = np.floor(arrivals + random.random()).astype(np.int64)
        place = np.arange(arrivals.size) - np.searchsorted(window, window)
        return np.where(place < per_window, 0.005, np.nan)

    def capacity(goal: Goal) -> float:
        # E[(N - M)+] = r P(N >= M) - M P(N > M) for a Poisson number N.
        def refused(rate: float) -> float:
            return float(rate * pdtrc(per_window - 1, rate) - per_window * pdtrc(per_window, rate)) / rate

        return largest(lambda rate: refused(rate) <= goal.allowed, 1.0, 2.0 * per_window)

    return Server("rate limiter", ("p(99) < 500ms", SUCCESS), respond, capacity)


def warming(cold_s: float = 0.5, slower: float = 1.3) -> Server:
    """M/M/1 that is slow in the first half second of every trial; its capacity is that of the warm server."""

    def respond(arrivals: Floats, random: Random) -> Floats:
        services = random.exponential(1 / SERVED_PER_S, arrivals.size)
        return in_turn(arrivals, np.where(arrivals < cold_s, slower, 1.0) * services)

    def capacity(goal: Goal) -> float:
        assert goal.limit_s is not None
        return SERVED_PER_S + math.log(goal.allowed) / goal.limit_s

    return Server("warm-up", ("p(99) < 20ms",), respond, capacity)


SERVERS = (queue(4), deterministic(), pausing(), leaking(), retrograde(), dipping(), limited(), warming())


def simulated_capacity(server: Server, place: int, *, trials: int, duration_s: float = 10.0) -> float:
    """The largest rate that meets a goal by many trials of the same random numbers at each rate.

    Args:
        server: The server.
        place: Which of its goals.
        trials: How many trials a rate has.
        duration_s: How long each is, in seconds.
    """
    goal = parse_goal(server.goals[place])

    def meets(rate_per_s: float) -> bool:
        seen = [server.trial(rate_per_s, duration_s, np.random.default_rng([7, number])) for number in range(trials)]
        if 2 * sum(map(is_overloaded, seen)) > trials:
            return False
        return sum(sum(one.bad[place]) for one in seen) <= goal.allowed * sum(sum(one.offered) for one in seen)

    return largest(meets, SERVED_PER_S / 4, SERVED_PER_S * 1.5, 0.002)
