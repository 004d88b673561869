"""From a scenario and a target to the parts that drive it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from loadkit.drive.sender import PoolPolicy
from loadkit.drive.session import Wiring
from loadkit.drive.tls import client_context
from loadkit.errors import UsageError
from loadkit.smtp.auth import Credentials, Mechanism
from loadkit.smtp.outcome import SETUP_PHASES, TRANSACTION_PHASES, Phase
from loadkit.smtp.state import PHASE_OF_STATE, DialogueSettings, State

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadkit.scenario.guardrails import TargetAddress
    from loadkit.scenario.schema import Auth, Scenario
    from loadkit.scenario.sessions import Sessions, Timeouts

_NO_LIMIT = 2**62
# Stop points before the first transaction: each message is then a connection of its own.
_ONE_MESSAGE_STOPS = ("connect", "ehlo", "data")


def build_wiring(scenario: Scenario, target: TargetAddress) -> Wiring:
    """What all sessions of a run share.

    Raises:
        UsageError: If the environment lacks a credential.
    """
    sessions = scenario.sessions
    starttls = scenario.target.tls == "starttls"
    settings = DialogueSettings(
        lmtp=target.lmtp,
        starttls=starttls,
        credentials=read_credentials(scenario.target.auth),
        pipelining=sessions.pipelining,
        chunking=sessions.chunking,
        stop_after=Phase(sessions.stop_after),
    )
    secured = starttls or target.implicit_tls
    return Wiring(
        settings=settings,
        timeouts_s=timeouts_by_state(sessions.timeouts, sessions.idle_timeout_s),
        host=target.host,
        tls=client_context(verify=scenario.target.verifies(target), minimum=scenario.target.tls_minimum)
        if secured
        else None,
        implicit_tls=target.implicit_tls,
    )


def read_credentials(auth: Auth | None) -> Credentials | None:
    """Credentials from the environment variables that the scenario names.

    Raises:
        UsageError: If one is not set.
    """
    if auth is None:
        return None
    missing = [name for name in (auth.username_env, auth.password_env) if name not in os.environ]
    if missing:
        raise UsageError(f"not set in the environment: {', '.join(missing)}", hint="target.auth names these variables")
    return Credentials(Mechanism(auth.mechanism), os.environ[auth.username_env], os.environ[auth.password_env])


def timeouts_by_state(timeouts: Timeouts, idle_timeout_s: float) -> tuple[float, ...]:
    """Seconds that each state may last, indexed by `State`."""
    by_phase: dict[Phase, float] = {Phase.RSET: timeouts.mail_s}
    timed = (*SETUP_PHASES, *TRANSACTION_PHASES, Phase.QUIT)
    by_phase |= {phase: getattr(timeouts, f"{phase.value}_s") for phase in timed}
    by_state = {state: by_phase[PHASE_OF_STATE[state]] for state in State} | {State.READY: idle_timeout_s}
    return tuple(by_state[state] for state in State)


def build_policy(scenario: Scenario, *, stream: int = 0) -> PoolPolicy:
    """The rules of the scenario's session pool.

    Args:
        scenario: With the limits of this process.
        stream: Number of the process, so that each draws lengths of sessions of its own.
    """
    sessions, load = scenario.sessions, scenario.load
    return PoolPolicy(
        max_sessions=sessions.max if load.sessions is None else load.sessions,
        draw_messages=_messages_per_session(sessions, [scenario.seed, 1, stream]),
        queue_limit=load.queue,
        reconnect_initial_s=sessions.reconnect.initial_s,
        reconnect_max_s=sessions.reconnect.max_s,
        attempts=sessions.retry.attempts,
        retry_delay_s=sessions.retry.delay_s,
        local_addresses=sessions.local_addresses,
    )


def _messages_per_session(sessions: Sessions, seed: list[int]) -> Callable[[], int]:
    if sessions.stop_after in _ONE_MESSAGE_STOPS:
        return lambda: 1
    distribution = sessions.messages_per_session
    if distribution is None:
        return lambda: _NO_LIMIT
    generator = np.random.default_rng(seed)
    return lambda: int(distribution.sample(generator, 1)[0])
