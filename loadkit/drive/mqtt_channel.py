"""Messages by MQTT: each is one publication of a Locust MqttUser, a device that waits until the broker has it.

With QoS 1 that is the broker's PUBACK; with QoS 0 there is none, and a message is done when it is written.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from gevent.event import AsyncResult, Event
from locust.contrib.mqtt import MqttClient, MqttUser
from locust.env import Environment
from locust.event import Events
from paho.mqtt.client import MQTT_ERR_SUCCESS

from loadkit.drive.tls import client_context
from loadkit.errors import UsageError
from loadkit.scenario.channels import DEFAULT_PORTS
from loadkit.smtp.outcome import Outcome, OutcomeClass, Phase

if TYPE_CHECKING:
    from loadkit.drive.channel_sender import Parcel
    from loadkit.scenario.channels import MqttEndpoint

MAX_ANSWER_BYTES = 4_096
"""A broker has nothing longer to say to a client that subscribes to nothing."""
_DONE = Outcome(OutcomeClass.ACCEPTED, Phase.PUBLISH)
_CLOSED = Outcome(OutcomeClass.CONNECTION, Phase.PUBLISH, reason="closed")


class ChannelMqttClient(MqttClient):  # type: ignore[misc]
    """A client that tells how its connection and its only message under way ended.

    Attributes:
        ready: Set when it is connected, or can't be.
        ended: How the connection ended, or None.
        message: Gets how the message under way ended.
    """

    timeout_s = 30.0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        with warnings.catch_warnings():  # Locust's client takes callbacks of the older form
            warnings.simplefilter("ignore", DeprecationWarning)
            super().__init__(*args, **kwargs)
        self.connect_timeout = self.timeout_s
        self._left_bytes = MAX_ANSWER_BYTES
        self.ready = Event()
        self.ended: Outcome | None = None
        self.message: AsyncResult[Outcome] = AsyncResult()
        self.on_connect_fail = lambda *_: self.end(Outcome(OutcomeClass.CONNECTION, Phase.PUBLISH, reason="refused"))

    def end(self, outcome: Outcome) -> None:
        """Note how the connection ended, unless that is known."""
        self.ended = self.ended or outcome
        self.ready.set()
        self.message.set(self.ended)
        # Whoever uses it takes a new one; by itself it would connect again and again.
        self.disconnect()

    def publish(self, *args: Any, **kwargs: Any) -> Any:
        """Publish; the broker may answer at length again."""
        self._left_bytes = MAX_ANSWER_BYTES
        return super().publish(*args, **kwargs)

    def _sock_recv(self, bufsize: int) -> bytes:
        """Receive; a broker that does not come to an end is given up as if it had closed the connection.

        Since its bytes are there at once, no other greenlet and no timeout would ever have its turn.
        """
        data: bytes = super()._sock_recv(min(bufsize, MAX_ANSWER_BYTES))
        self._left_bytes -= len(data)
        if self._left_bytes >= 0:
            return data
        self.end(Outcome(OutcomeClass.PROTOCOL, Phase.PUBLISH, reason="answer_too_long"))
        return b""

    def _on_connect_cb(self, client: Any, userdata: Any, flags: Any, rc: Any) -> None:
        super()._on_connect_cb(client, userdata, flags, rc)
        if rc != 0:
            # MQTT 3.1.1, 3.2.2.3: return codes of CONNACK.
            self.end(Outcome(OutcomeClass.PERMANENT, Phase.PUBLISH, int(rc), reason="connection_refused"))
        self.ready.set()

    def _on_publish_cb(self, client: Any, userdata: Any, mid: int) -> None:
        super()._on_publish_cb(client, userdata, mid)
        self.message.set(_DONE)

    def _on_disconnect_cb(self, client: Any, userdata: Any, rc: Any) -> None:
        super()._on_disconnect_cb(client, userdata, rc)
        self.end(_CLOSED)


class MqttConnection:
    """One device.

    Args:
        user: The Locust user that speaks; it connects by itself.
        topic: Where it publishes.
        qos: With which quality of service.
    """

    def __init__(self, user: Any, topic: str, qos: int) -> None:
        self._client: ChannelMqttClient = user.client
        self._topic = topic
        self._qos = qos

    def send(self, parcel: Parcel) -> Outcome:
        """See `loadkit.drive.channel_sender.Connection`."""
        client = self._client
        client.ready.wait()
        if client.ended is not None:
            return client.ended
        client.message = AsyncResult()
        if client.publish(self._topic, parcel.payload, self._qos).rc != MQTT_ERR_SUCCESS:
            return _CLOSED
        outcome: Outcome = client.message.get()
        return outcome

    def close(self) -> None:
        """See `loadkit.drive.channel_sender.Connection`."""
        self._client.disconnect()
        self._client.loop_stop()


def mqtt_connector(endpoint: MqttEndpoint, *, verify: bool) -> Callable[[], MqttConnection]:
    """What makes devices.

    Args:
        endpoint: The broker, with its URL.
        verify: Whether its certificate must be valid.

    Raises:
        UsageError: If the environment lacks a credential.
    """
    names = [name for name in (endpoint.username_env, endpoint.password_env) if name is not None]
    missing = [name for name in names if name not in os.environ]
    if missing:
        raise UsageError(f"not set in the environment: {', '.join(missing)}", hint="the channel names these variables")
    username, password = (os.environ[name] for name in names) if names else (None, None)
    parts = urlsplit(endpoint.url or "")
    client_type = type("TimedMqttClient", (ChannelMqttClient,), {"timeout_s": endpoint.timeout_s})
    settings = {
        "host": parts.hostname,
        "port": parts.port or DEFAULT_PORTS[parts.scheme],
        "tls_context": client_context(verify=verify) if parts.scheme == "mqtts" else None,
        "client_cls": client_type,
        "username": username,
        "password": password,
    }
    user_type = type("ChannelMqttUser", (MqttUser,), settings)
    # An environment of its own: the run's is told of each message by the recorder's rows, with its intended time.
    environment = Environment(events=Events())
    return lambda: MqttConnection(user_type(environment), endpoint.topic, endpoint.qos)
