"""Queueing systems with known answers: what curves and measurements are checked against."""

from __future__ import annotations

import math


def _check(*, servers: int, offered: float) -> None:
    if servers < 1:
        raise ValueError("there must be a server at least")
    if not 0 <= offered < servers:
        raise ValueError("the offered work must be below the number of servers, or the queue grows without end")


def erlang_b(servers: int, offered: float) -> float:
    """Probability that all servers are busy where nothing waits.

    Args:
        servers: How many.
        offered: Work offered, arrival rate times service time, in servers (Erlang).

    Notes:
        B(0) = 1, B(c) = A B(c-1) / (c + A B(c-1)), which overflows nowhere (Erlang, 1917).

    Examples:
        >>> round(erlang_b(3, 2.0), 6)
        0.210526
    """
    if servers < 0 or offered < 0:
        raise ValueError("servers and offered work must not be negative")
    blocked = 1.0
    for server in range(1, servers + 1):
        blocked = offered * blocked / (server + offered * blocked)
    return blocked


def erlang_c(servers: int, offered: float) -> float:
    """Probability to wait in M/M/c.

    Args:
        servers: c.
        offered: Work offered, arrival rate times service time, below c.

    Raises:
        ValueError: If the queue would grow without end.

    Notes:
        C = B / (1 - rho (1 - B)) with Erlang's B and rho = A / c.

    Examples:
        >>> round(erlang_c(2, 1.0), 6)
        0.333333
    """
    _check(servers=servers, offered=offered)
    blocked = erlang_b(servers, offered)
    return blocked / (1 - offered / servers * (1 - blocked))


def mmc_response_mean(servers: int, rate: float, service: float) -> float:
    """Mean response time of M/M/c: service and waiting.

    Args:
        servers: c.
        rate: Arrivals per second.
        service: Mean service time in seconds.

    Raises:
        ValueError: If the queue would grow without end.

    Examples:
        >>> round(mmc_response_mean(4, 320, 0.01), 5)
        0.01746
    """
    offered = rate * service
    return service + erlang_c(servers, offered) * service / (servers - offered)


def mmc_response_quantile(servers: int, rate: float, service: float, quantile: float) -> float:
    """A quantile of the response time of M/M/c.

    Args:
        servers: c.
        rate: Arrivals per second.
        service: Mean service time in seconds.
        quantile: Between 0 and 1.

    Returns:
        Seconds.

    Raises:
        ValueError: If the queue would grow without end, or the quantile is out of range.

    Notes:
        With probability 1 - C only the service counts, else a wait of rate c/S - r before it; the sum's tail is closed,
        and falls, so that it is inverted by bisection. For c = 1 it is R ln(1/(1-q)), R = S / (1 - rho).

    Examples:
        >>> round(mmc_response_quantile(4, 320, 0.01, 0.99), 4)
        0.0689
    """
    if not 0 < quantile < 1:
        raise ValueError("a quantile is between 0 and 1")
    waits = erlang_c(servers, rate * service)
    drain, serve = servers / service - rate, 1 / service

    def tail(time: float) -> float:
        if math.isclose(drain, serve, rel_tol=1e-9):
            together = (1 + serve * time) * math.exp(-serve * time)
        else:
            together = (drain * math.exp(-serve * time) - serve * math.exp(-drain * time)) / (drain - serve)
        return (1 - waits) * math.exp(-serve * time) + waits * together

    low, high = 0.0, service
    while tail(high) > 1 - quantile:
        high *= 2
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if tail(middle) > 1 - quantile else (low, middle)
    return (low + high) / 2


def mm1_response_quantile(rate: float, service: float, quantile: float) -> float:
    """A quantile of the response time of M/M/1, R ln(1/(1-q)) with R = S / (1 - rho).

    Args:
        rate: Arrivals per second.
        service: Mean service time in seconds.
        quantile: Between 0 and 1.

    Raises:
        ValueError: If the queue would grow without end.

    Examples:
        >>> round(mm1_response_quantile(80, 0.01, 0.99), 4)
        0.2303
    """
    _check(servers=1, offered=rate * service)
    return service / (1 - rate * service) * -math.log1p(-quantile)


def mg1_response_mean(rate: float, service: float, variation: float) -> float:
    """Mean response time of M/G/1 by Pollaczek and Khinchine.

    Args:
        rate: Arrivals per second.
        service: Mean service time in seconds.
        variation: Squared coefficient of variation of service times: 1 for exponential, 0 for constant.

    Raises:
        ValueError: If the queue would grow without end.

    Notes:
        R = S + rho S (1 + c^2) / (2 (1 - rho)).

    Examples:
        >>> mg1_response_mean(50, 0.01, 0.0)
        0.015
    """
    utilisation = rate * service
    _check(servers=1, offered=utilisation)
    return service + utilisation * service * (1 + variation) / (2 * (1 - utilisation))
