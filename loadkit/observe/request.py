"""What to observe: this machine, a node_exporter, or what a Prometheus server knows of a host."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from loadkit.errors import UsageError
from loadkit.measure.target import LOCAL

_FORMS = "local, http://host:9100/metrics of a node_exporter, or http://prometheus:9090?instance=host:9100"


@dataclass(frozen=True, slots=True)
class ObserveRequest:
    """What to observe.

    Args:
        source: ``local`` or a URL.
        instance: What Prometheus calls the host; empty where the URL is that of a node_exporter.
        port: Port that the target listens on, for its processes on this machine.
        generator_pid: The load generator's process, for its own part of this machine.
    """

    source: str
    instance: str = ""
    port: int = 0
    generator_pid: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ObserveRequest:
        """Read what `to_dict` made."""
        return cls(**data)


def parse_source(text: str) -> ObserveRequest:
    """Read what is to be observed.

    Args:
        text: ``local`` or a URL; a Prometheus server's has ``?instance=``.

    Raises:
        UsageError: If it is neither, or has credentials in it, which would be kept with the results.
    """
    if text == LOCAL:
        return ObserveRequest(LOCAL)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"--observe {text}: {error}", hint=_FORMS) from error
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0 or not text.isprintable():
        raise UsageError(f"--observe {text!r} is nothing that can be observed", hint=_FORMS)
    if parts.username is not None:
        raise UsageError("--observe takes no credentials in its URL", hint="observe from where none are needed")
    wanted = parse_qs(parts.query, keep_blank_values=True)
    instance = wanted.pop("instance", [""])[-1]
    if wanted or (parts.query and not instance):
        raise UsageError(f"--observe {text}: of a Prometheus server only ?instance=host:port is asked", hint=_FORMS)
    return ObserveRequest(text, instance)
