"""Ways beside SMTP that a scenario's messages take: requests to an HTTP API, messages to an MQTT broker."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from loadkit.errors import UsageError
from loadkit.scenario.block import Block
from loadkit.scenario.findings import Finding, FindingsError
from loadkit.scenario.guardrails import check_target, host_of_url
from loadkit.scenario.quantities import Flag, PositiveDuration, WholeNumber
from loadkit.scenario.texts import EnvironmentName, HeaderText, Prose, server_url, text_schema

if TYPE_CHECKING:
    from collections.abc import Iterable

    from loadkit.scenario.schema import MessageKind, Scenario

SMTP = "smtp"
"""The channel of a kind that names none."""

MIN_PAYLOAD_BYTES = 200
"""Smallest payload that we make: what it says of itself needs as much."""

_LIBRARIES = {"http": ("geventhttpclient", "locust"), "mqtt": ("paho", "loadkit[mqtt]")}
"""By protocol the package that speaks it, and what to install for it."""

DEFAULT_PORTS = {"http": 80, "https": 443, "mqtt": 1883, "mqtts": 8883}
_OF_EVERY_KIND = ("weight", "channel", "size")
_MAX_HEADERS = 50
_MAX_TOPIC_BYTES = 1000
_OWN_HEADERS = ("host", "content-length", "transfer-encoding", "connection", "content-type")
_PLACEHOLDER = re.compile(r"\{(\w*)\}")
PLACEHOLDERS = ("id", "kind")
"""What a body may have in braces."""


def parse_http_url(url: str) -> str:
    """Check the address of an HTTP API, such as ``http://127.0.0.1:8080/alerts?source=plant``.

    Raises:
        UsageError: If it is no such address, or carries credentials.
    """
    host_of_url(url, ("http", "https"), DEFAULT_PORTS, example="http://host:port/path")
    return url


def parse_mqtt_url(url: str) -> str:
    """Check the address of a broker, such as ``mqtt://127.0.0.1:1883``.

    Raises:
        UsageError: If it is no such address, or carries credentials, a path or a query.
    """
    host_of_url(url, ("mqtt", "mqtts"), DEFAULT_PORTS, example="mqtt://host:port")
    parts = urlsplit(url)
    if parts.path not in ("", "/") or parts.query:
        raise UsageError(f"{url!r} has more than scheme, host and port", hint="the topic has a key of its own")
    return url


def _check_topic(text: str) -> str:
    if not 1 <= len(text.encode()) <= _MAX_TOPIC_BYTES or re.search(r"[+#\x00-\x1f\x7f-\x9f]", text):
        raise ValueError(f"{text!r} is not a topic: up to {_MAX_TOPIC_BYTES} bytes without +, # and control characters")
    return text


def _check_headers(headers: Mapping[str, str]) -> Mapping[str, str]:
    for name in headers:
        if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}", name) or name.lower() in _OWN_HEADERS:
            raise ValueError(f"{name!r} is not a header that may be set")
        if not headers[name].isascii():
            raise ValueError(f"the value of {name} is not ASCII")
    return headers


HttpUrl = Annotated[str, *server_url(parse_http_url, "[Hh][Tt][Tt][Pp][Ss]?", "http://127.0.0.1:8080/alerts")]
MqttUrl = Annotated[str, *server_url(parse_mqtt_url, "[Mm][Qq][Tt][Tt][Ss]?", "mqtt://127.0.0.1:1883")]
Topic = Annotated[str, AfterValidator(_check_topic), text_schema(r"[^+#]+", "a topic", "plant/line1")]


class _Endpoint(Block):
    """What both kinds of channels have."""

    connections: WholeNumber = Field(10, ge=1, le=10_000)
    """Open connections at most; each is a Locust user that carries one message at a time."""
    queue: WholeNumber = Field(10_000, ge=0, le=10_000_000)
    """Messages that may wait for a connection; over it they are shed."""
    timeout_s: PositiveDuration = Field(30.0, alias="timeout")
    """The longest that a message may take once it has a connection, with the time to open that."""
    verify: Flag | None = None
    """Whether certificates are verified: everywhere but on this machine unless told."""
    body: str | None = Field(None, max_length=100_000)
    """What is sent, with {id} and {kind} filled in, instead of a JSON object of the message's size."""

    @model_validator(mode="after")
    def _body_has_known_placeholders(self) -> Self:
        for name in _PLACEHOLDER.findall(self.body or ""):
            if name and name not in PLACEHOLDERS:
                known = " and ".join(f"{{{known}}}" for known in PLACEHOLDERS)
                raise FindingsError(Finding(f"{{{name}}} is not known here", ("body",), f"there are {known}"))
        return self


class HttpEndpoint(_Endpoint):
    """An HTTP API: one request for each message."""

    url: HttpUrl | None = None
    """http:// or https://host:port/path; without it the bundled sink, where that is the target too."""
    method: Literal["POST", "PUT"] = "POST"
    """Method of the requests."""
    content_type: HeaderText = "application/json"
    """What the content is said to be."""
    headers: Annotated[dict[str, HeaderText], AfterValidator(_check_headers)] = Field(
        default_factory=dict, max_length=_MAX_HEADERS
    )
    """Further headers of every request."""
    token_env: EnvironmentName | None = None
    """Environment variable with a token, sent as Authorization: Bearer."""


class MqttEndpoint(_Endpoint):
    """An MQTT broker: one published message for each message."""

    url: MqttUrl | None = None
    """mqtt:// or mqtts://host:port; without it the bundled sink, where that is the target too."""
    topic: Topic
    """Where messages are published."""
    qos: Literal[0, 1] = 1
    """Quality of service: with 1 a message is done when the broker acknowledges it, with 0 when it is written."""
    username_env: EnvironmentName | None = None
    """Environment variable with the user's name."""
    password_env: EnvironmentName | None = None
    """Environment variable with the password."""

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        if (self.username_env is None) != (self.password_env is None):
            raise FindingsError(Finding("names a user or a password alone", fix="give username_env and password_env"))
        return self


class Channel(Block):
    """One way; kinds of messages name it."""

    http: HttpEndpoint | None = None
    """An HTTP API."""
    mqtt: MqttEndpoint | None = None
    """An MQTT broker."""
    optional: Flag = False
    """Whether a run goes on without its messages where the library for it is not installed."""
    left_out: Prose = Field("", max_length=1000)
    """Why its messages are not sent; where it is empty they are."""

    @model_validator(mode="after")
    def _one_protocol(self) -> Self:
        if (self.http is None) == (self.mqtt is None):
            raise FindingsError(Finding("must have http or mqtt, and one of them"))
        return self

    @property
    def protocol(self) -> str:
        """Name of its protocol: the key that it has."""
        return "http" if self.http is not None else "mqtt"

    @property
    def endpoint(self) -> HttpEndpoint | MqttEndpoint:
        """Its settings."""
        endpoint = self.http or self.mqtt
        assert endpoint is not None
        return endpoint

    def at(self, url: str) -> Channel:
        """The channel with another address."""
        return self.model_copy(update={self.protocol: self.endpoint.model_copy(update={"url": url})})

    def check_allowed(self, allow: Iterable[str]) -> None:
        """Refuse an address that is neither this machine nor allowed, as `check_target` does.

        Raises:
            TargetError: If it is not allowed.
        """
        if self.endpoint.url is not None and not self.left_out:
            check_target(host_of_url(self.endpoint.url, tuple(DEFAULT_PORTS), DEFAULT_PORTS, example=""), allow)


def channel_findings(
    messages: Mapping[str, MessageKind], channels: Mapping[str, Channel], *, open_loop: bool
) -> Iterator[Finding]:
    """Kinds of messages whose channel can't be what they say; keys are below ``messages``."""
    for name, kind in messages.items():
        if kind.channel == SMTP:
            continue
        if kind.channel not in channels:
            known = ", ".join((SMTP, *channels))
            yield Finding(f"{kind.channel!r} is not a channel", (name, "channel"), f"one of: {known}")
            continue
        if not open_loop:
            fix = "set load.executor to arrival_rate, or leave channel out"
            yield Finding("only mail is sent by a closed loop", (name, "channel"), fix)
        for key, field in type(kind).model_fields.items():
            if key in _OF_EVERY_KIND or getattr(kind, key) == field.get_default(call_default_factory=True):
                continue
            yield Finding(
                f"has no meaning for a message by {channels[kind.channel].protocol}", (name, key), "remove it"
            )
        if kind.size is not None and channels[kind.channel].endpoint.body is not None:
            yield Finding("is fixed by the body of its channel", (name, "size"), "remove it")


def left_out_kinds(scenario: Scenario) -> frozenset[str]:
    """Kinds of messages that are not sent because their channel is left out."""
    out = {name for name, channel in scenario.channels.items() if channel.left_out}
    return frozenset(name for name, kind in scenario.messages.items() if kind.channel in out)


def leave_out_missing(scenario: Scenario, is_installed: Callable[[str], object] = find_spec) -> Scenario:
    """The scenario without the kinds of optional channels whose library is not installed.

    Args:
        scenario: The scenario.
        is_installed: Tells whether there is a package of a name.

    Raises:
        UsageError: If the library of a channel that is not optional is missing.
    """
    channels = dict(scenario.channels)
    used = {kind.channel for kind in scenario.messages.values()}
    for name, channel in scenario.channels.items():
        package, install = _LIBRARIES[channel.protocol]
        if channel.left_out or name not in used or is_installed(package):
            continue
        fix = f"pip install '{install}'"
        if not channel.optional:
            raise UsageError(
                f"the channel {name} needs {package}, which is not installed; nothing was sent",
                hint=f"{fix}, or set channels.{name}.optional to run without it",
            )
        channels[name] = channel.model_copy(update={"left_out": f"{package} is not installed: {fix}"})
    return scenario.model_copy(update={"channels": channels})


def with_addresses(scenario: Scenario, allow: Sequence[str], receivers: Mapping[str, str]) -> Scenario:
    """The scenario with an address for each of its channels, every one of them checked.

    Args:
        scenario: The scenario.
        allow: Hosts, or hosts with port, that may be loaded besides this machine.
        receivers: Addresses of the bundled sink by protocol; empty where there is none.

    Raises:
        UsageError: If a channel has no address.
        TargetError: If one is not allowed.
    """
    channels = dict(scenario.channels)
    for name, channel in scenario.channels.items():
        if channel.endpoint.url is not None or channel.left_out:
            channel.check_allowed(allow)
            continue
        if channel.protocol not in receivers:
            raise UsageError(
                f"the channel {name} has no url, which only the bundled sink can do without",
                hint=f"write channels.{name}.{channel.protocol}.url in the scenario",
            )
        path = f"/{name}" if channel.http is not None else ""
        channels[name] = channel.at(f"{receivers[channel.protocol]}{path}")
    return scenario.model_copy(update={"channels": channels})
