"""Metrics of node_exporter, from itself or from a Prometheus server that asks it."""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from loadkit.observe.fetch import FetchError, fetch
from loadkit.observe.reading import HostReading

SCRAPE_DEADLINE_S, SCRAPE_BYTES = 3.0, 8_000_000
QUERY_DEADLINE_S, QUERY_BYTES = 20.0, 64_000_000

_CPU = "node_cpu_seconds_total"
_AVAILABLE, _MEMORY = "node_memory_MemAvailable_bytes", "node_memory_MemTotal_bytes"
_DISK_BUSY = "node_disk_io_time_seconds_total"
_READ, _WRITTEN = "node_disk_read_bytes_total", "node_disk_written_bytes_total"
_RECEIVED, _SENT = "node_network_receive_bytes_total", "node_network_transmit_bytes_total"
_SPEED = "node_network_speed_bytes"
_NAMES = (_CPU, _AVAILABLE, _MEMORY, _DISK_BUSY, _READ, _WRITTEN, _RECEIVED, _SENT, _SPEED)
_IDLE = ("idle", "iowait")

# What runs over these runs over another device too, or over none.
_VIRTUAL_INTERFACE = re.compile(r"lo\d*|veth.*|docker.*|br-.*|virbr.*|tun.*|tap.*|cni.*|flannel.*|cali.*")
_VIRTUAL_DISK = re.compile(r"dm-\d+|md\d+|loop\d+|ram\d+|zram\d+|sr\d+")

Value = tuple[str, Mapping[str, str], float]


def is_virtual_interface(name: str) -> bool:
    """Whether a network interface has no wire of its own."""
    return _VIRTUAL_INTERFACE.fullmatch(name) is not None


def is_virtual_disk(name: str) -> bool:
    """Whether what a disk does is done by another one too."""
    return _VIRTUAL_DISK.fullmatch(name) is not None


def scrape(url: str, at_s: float) -> HostReading:
    """Ask a node_exporter.

    Args:
        url: Its URL; ``/metrics`` unless it has a path.
        at_s: Unix time of the asking.

    Raises:
        FetchError: If it has no answer to use.
    """
    path = urlsplit(url).path
    content = fetch(
        url,
        path if path.strip("/") else "/metrics",
        deadline_s=SCRAPE_DEADLINE_S,
        limit_bytes=SCRAPE_BYTES,
    )
    return read_exposition(content.decode("utf-8", errors="replace"), at_s)


def read_exposition(text: str, at_s: float) -> HostReading:
    """Read metrics in Prometheus' text format.

    Raises:
        FetchError: If node_exporter's are not among them, or are damaged.
    """
    from prometheus_client.parser import text_string_to_metric_families  # noqa: PLC0415 - only here it is needed

    lines = [line for line in text.splitlines() if line.startswith(_NAMES)]
    try:
        families = list(text_string_to_metric_families("\n".join(lines) + "\n"))
        values = [(one.name, one.labels, float(one.value)) for family in families for one in family.samples]
    except (ValueError, KeyError, IndexError) as error:
        raise FetchError(f"its metrics can't be read: {str(error)[:80]}") from error
    return _reading(values, at_s)


def query(url: str, instance: str, start_s: float, end_s: float) -> list[HostReading]:
    """Ask a Prometheus server for what it knows of a host.

    Args:
        url: The server's URL.
        instance: What it calls the host.
        start_s: Unix time of the first reading at the earliest.
        end_s: Unix time of the last at the latest.

    Raises:
        FetchError: If it has no answer to use.

    Notes:
        A range selector in an instant query gives the samples as they were scraped, with the times of the scrapes. A
        range query would give values that are interpolated to its steps.
    """
    selector = f'{{__name__=~"{"|".join(_NAMES)}",instance={json.dumps(instance)}}}[{math.ceil(end_s - start_s)}s]'
    path = f"{urlsplit(url).path.rstrip('/')}/api/v1/query?{urlencode({'query': selector, 'time': f'{end_s:.3f}'})}"
    content = fetch(url, path, deadline_s=QUERY_DEADLINE_S, limit_bytes=QUERY_BYTES)
    return [one for one in read_matrix(content) if start_s <= one.at_s <= end_s]


def read_matrix(content: bytes) -> list[HostReading]:
    """The readings in a Prometheus server's answer, one for each scrape.

    Raises:
        FetchError: If it is no such answer.
    """
    by_time: dict[float, list[Value]] = defaultdict(list)
    try:
        for series in json.loads(content)["data"]["result"]:
            labels = dict(series["metric"])
            for at_s, value in series["values"]:
                by_time[float(at_s)].append((labels["__name__"], labels, float(value)))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise FetchError(f"its answer is none of Prometheus: {str(error)[:80]}") from error
    return [_reading(values, at_s) for at_s, values in sorted(by_time.items())]


def _reading(values: Iterable[Value], at_s: float) -> HostReading:
    found: dict[str, dict[Any, float]] = defaultdict(dict)
    for name, labels, value in values:
        found[name][(labels.get("cpu"), labels.get("mode")) if name == _CPU else labels.get("device", "")] = value
    if not found[_CPU]:
        raise FetchError("it has no metrics of node_exporter")
    memory = found[_MEMORY].get("", 0.0)
    available = found[_AVAILABLE].get("", math.nan)
    return HostReading(
        at_s=at_s,
        cpu_s=sum(found[_CPU].values()),
        cpu_busy_s=sum(value for (_, mode), value in found[_CPU].items() if mode not in _IDLE),
        memory_ratio=1 - available / memory if memory > 0 else math.nan,
        disk_busy_s=found[_DISK_BUSY],
        disk_bytes={
            name: value + found[_WRITTEN].get(name, 0.0)
            for name, value in found[_READ].items()
            if not is_virtual_disk(name)
        },
        received_bytes=_wired(found[_RECEIVED]),
        sent_bytes=_wired(found[_SENT]),
        speed_bytes_per_s={name: speed for name, speed in _wired(found[_SPEED]).items() if speed > 0},
    )


def _wired(by_interface: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in by_interface.items() if not is_virtual_interface(name)}
