"""The target of a command, refused unless it is this machine or named by somebody who may load it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadkit.errors import TargetError
from loadkit.scenario.guardrails import TargetAddress, check_target, parse_target_url

if TYPE_CHECKING:
    from collections.abc import Iterable


def allowed_target(url: str, allow: Iterable[str]) -> TargetAddress:
    """Read and check a target.

    Args:
        url: The target.
        allow: Hosts, or hosts with port, that scenario and command line allow.

    Raises:
        UsageError: If it is no such URL.
        TargetError: If it is not allowed.
    """
    target = parse_target_url(url)
    try:
        check_target(target, allow)
    except TargetError as error:
        raise TargetError(str(error), hint=f"{error.hint}, or give --allow {target.host}") from error
    return target
