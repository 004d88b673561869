"""Fixtures of tests against installed programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.postfix import RunningPostfix, running_postfix

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.sink import RunningSink


@pytest.fixture
def relay(sink: RunningSink) -> Iterator[RunningPostfix]:
    """A Postfix that relays everything to the fixture `sink`."""
    with running_postfix(sink.host, sink.port) as postfix:
        yield postfix
