"""The pool of connections: how many, how long each step may take, what follows a failure."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from loadkit.scenario.block import Block
from loadkit.scenario.findings import Finding, FindingsError
from loadkit.scenario.quantities import Duration, Flag, MessagesDistribution, PositiveDuration, WholeNumber
from loadkit.scenario.texts import IpAddress
from loadkit.units import format_duration


class Timeouts(Block):
    """The longest wait for each step of the conversation (RFC 5321, 4.5.3.2 names longer ones for real mail)."""

    connect_s: PositiveDuration = Field(30.0, alias="connect")
    """Until the connection stands."""
    banner_s: PositiveDuration = Field(60.0, alias="banner")
    """Until the server's greeting."""
    tls_s: PositiveDuration = Field(30.0, alias="tls")
    """Until TLS stands."""
    ehlo_s: PositiveDuration = Field(30.0, alias="ehlo")
    """For the answer to EHLO or LHLO."""
    auth_s: PositiveDuration = Field(30.0, alias="auth")
    """For each answer of a login."""
    mail_s: PositiveDuration = Field(60.0, alias="mail")
    """For the answer to MAIL."""
    rcpt_s: PositiveDuration = Field(60.0, alias="rcpt")
    """For the answer to each RCPT."""
    data_s: PositiveDuration = Field(60.0, alias="data")
    """For the answer to DATA."""
    dot_s: PositiveDuration = Field(120.0, alias="dot")
    """For the answer to the end of a message."""
    quit_s: PositiveDuration = Field(5.0, alias="quit")
    """For the answer to QUIT."""


class Reconnect(Block):
    """The pause before a failed session connects again; it doubles from the initial to the longest."""

    initial_s: PositiveDuration = Field(0.1, alias="initial")
    """The first pause."""
    max_s: PositiveDuration = Field(5.0, alias="max")
    """The longest pause."""

    @model_validator(mode="after")
    def _grows(self) -> Self:
        if self.max_s < self.initial_s:
            raise FindingsError(Finding("is below initial", ("max",), f"at least {format_duration(self.initial_s)}"))
        return self


class Retry(Block):
    """What follows a 4xx reply; one attempt in total means no retry."""

    attempts: WholeNumber = Field(1, ge=1, le=100)
    """How often a message is tried in all."""
    delay_s: Duration = Field(5.0, alias="delay")
    """How long it waits before the next attempt."""


class Sessions(Block):
    """The pool of connections and how each behaves."""

    max: WholeNumber = Field(50, ge=1, le=100_000)
    """Connections open at a time, of the whole run."""
    messages_per_session: MessagesDistribution | None = None
    """Messages before a connection is closed: a number or a distribution; no limit unless told."""
    idle_timeout_s: PositiveDuration = Field(30.0, alias="idle_timeout")
    """A connection without work for so long is closed."""
    pipelining: Flag = True
    """Send commands without waiting, where the server offers PIPELINING."""
    chunking: Flag = False
    """Send content by BDAT, where the server offers CHUNKING."""
    local_addresses: tuple[IpAddress, ...] = ()
    """Addresses of this machine that connections come from, in turn."""
    timeouts: Timeouts = Timeouts()
    """The longest wait for each step."""
    reconnect: Reconnect = Reconnect()
    """The pause after a failed connection."""
    retry: Retry = Retry()
    """What follows a 4xx reply."""
    stop_after: Literal["connect", "ehlo", "rcpt", "data", "dot"] = "dot"
    """The step after which a conversation is broken off; dot sends whole messages."""

    @property
    def one_message_each(self) -> bool:
        """Whether each message is a connection of its own, because it is given up half-way."""
        return self.stop_after in {"connect", "ehlo", "data"}
