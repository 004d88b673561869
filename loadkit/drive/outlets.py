"""All ways out of a run that has more than one: each arrival goes to the sender of its kind's channel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from loadkit.drive.channel_sender import ChannelPolicy, ChannelSender, Connection, Wrapper
from loadkit.drive.network import reason_of
from loadkit.measure.records import Gauges
from loadkit.scenario.channels import SMTP
from loadkit.scenario.guardrails import is_loopback
from loadkit.smtp.outcome import Phase

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadkit.drive.composer import Arrival
    from loadkit.drive.journal import Journal
    from loadkit.drive.sender import Sender
    from loadkit.scenario.channels import Channel
    from loadkit.scenario.schema import Scenario
    from loadkit.scenario.sharing import Share


class Outlets:
    """The senders of a run as one, for what takes a sender through a run.

    Args:
        mail: The sender of mail.
        channels: The other senders by channel.
        channel_of_kind: Name of the channel of each message kind.
    """

    def __init__(self, mail: Sender, channels: Mapping[str, ChannelSender], channel_of_kind: Iterable[str]) -> None:
        self._mail = mail
        self._channels = tuple(channels.values())
        self._release = [mail.release if name == SMTP else channels[name].release for name in channel_of_kind]

    @property
    def outstanding(self) -> int:
        """Messages that are under way or queued."""
        return self._mail.outstanding + sum(channel.outstanding for channel in self._channels)

    @property
    def connections(self) -> int:
        """Connections that are open or opening."""
        return self._mail.connections + sum(channel.connections for channel in self._channels)

    @property
    def exhausted(self) -> bool:
        """See `Sender`."""
        return self._mail.exhausted

    def gauges(self) -> Gauges:
        """The state now, of all senders together."""
        states = [self._mail.gauges(), *(channel.gauges() for channel in self._channels)]
        return Gauges(
            states[0].at_s,
            sum(state.in_flight for state in states),
            sum(state.connections for state in states),
            sum(state.queued for state in states),
        )

    def release(self, arrival: Arrival, now: float) -> None:
        """Take an arrival whose time has come."""
        self._release[arrival.kind](arrival, now)

    def sweep(self, now: float) -> None:
        """See `Sender`; other channels watch their own deadlines."""
        self._mail.sweep(now)

    def stop(self) -> None:
        """See `Sender`."""
        self._mail.stop()

    def abort_work(self, now: float) -> None:
        """End every message that is under way."""
        self._mail.abort_work(now)
        for channel in self._channels:
            channel.abort_work(now)

    def quit(self, now: float) -> None:
        """Say goodbye on every connection."""
        self._mail.quit(now)
        for channel in self._channels:
            channel.quit()

    def abort_sessions(self, now: float) -> None:
        """See `Sender`; other channels bound their goodbyes themselves."""
        self._mail.abort_sessions(now)


def channel_senders(
    scenario: Scenario, share: Share, wrapper: Wrapper, journal: Journal, *, epoch_s: float
) -> dict[str, ChannelSender]:
    """The senders of all channels of a scenario.

    Args:
        scenario: The whole run's; its channels have addresses.
        share: Which part of their connections and queues is this process's.
        wrapper: Makes parcels.
        journal: Takes the rows.
        epoch_s: The clock's reading at the run's start.

    Raises:
        UsageError: If the environment lacks a credential.
    """
    return {
        name: ChannelSender(_policy(channel, share), _connector(channel), reason_of, wrapper, journal, epoch_s=epoch_s)
        for name, channel in scenario.channels.items()
        if not channel.left_out
    }


def _policy(channel: Channel, share: Share) -> ChannelPolicy:
    endpoint = channel.endpoint
    return ChannelPolicy(
        phase=Phase.REQUEST if channel.http is not None else Phase.PUBLISH,
        max_connections=max(1, share.of(endpoint.connections)),
        queue_limit=share.of(endpoint.queue),
        timeout_s=endpoint.timeout_s,
        body=endpoint.body,
    )


def _connector(channel: Channel) -> Callable[[], Connection]:
    endpoint = channel.endpoint
    verify = (
        not is_loopback(urlsplit(endpoint.url or "").hostname or "") if endpoint.verify is None else endpoint.verify
    )
    if channel.http is not None:
        from loadkit.drive.http_channel import http_connector  # noqa: PLC0415 - most runs need neither

        return http_connector(channel.http, verify=verify)
    from loadkit.drive.mqtt_channel import mqtt_connector  # noqa: PLC0415 - optional

    assert channel.mqtt is not None
    return mqtt_connector(channel.mqtt, verify=verify)
