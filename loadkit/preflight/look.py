"""One look at a target from beginning to end."""

from __future__ import annotations

import asyncio
import time

from loadkit.preflight.finding import Preflight
from loadkit.preflight.judge import judge
from loadkit.preflight.probe import probe
from loadkit.preflight.request import ProbeRequest


def look(request: ProbeRequest) -> Preflight:
    """Look at a target and judge what was seen.

    Args:
        request: What to look at.
    """
    facts = asyncio.run(probe(request))
    return judge(request, facts, time.time())
