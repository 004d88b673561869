"""Carries out the outages of a sink's behaviour as they begin and end."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sinks.server import Sink


async def follow_outages(sink: Sink) -> None:
    """Watch the clock and the sink's behaviour; runs until it is cancelled.

    Args:
        sink: The started sink.
    """
    under_way = ""
    while True:
        sink.behaviour_changed.clear()
        behaviour, now = sink.behaviour, sink.loop.time()
        outage = behaviour.outage(now) if behaviour is not None else None
        kind = outage.kind if outage is not None else ""
        if kind != under_way:
            await _end(sink, under_way)
            _begin(sink, kind)
            under_way = kind
        change_s = behaviour.next_change_s(now) if behaviour is not None else None
        with suppress(TimeoutError):
            async with asyncio.timeout_at(change_s):
                await sink.behaviour_changed.wait()


def _begin(sink: Sink, kind: str) -> None:
    if kind == "stop_reading":
        sink.pause()
    if kind in ("refuse", "restart"):
        sink.refuse()
    if kind == "restart":
        sink.abort()


async def _end(sink: Sink, kind: str) -> None:
    if kind == "stop_reading":
        sink.resume()
    if kind in ("refuse", "restart"):
        await sink.accept()
