"""What a sink is asked to do."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from loadkit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_PORT = 2525
DEFAULT_MAX_SIZE_BYTES = 30 * 1024**2
MAX_PROCESSES = 64

_SOURCE = Path(__file__).parents[1]


class Tls(StrEnum):
    """How a connection comes under TLS."""

    NONE = "none"
    STARTTLS = "starttls"
    IMPLICIT = "implicit"


class Engine(StrEnum):
    """What speaks with the clients."""

    AIOSMTPD = "aiosmtpd"
    """The complete one."""
    FAST = "fast"
    """The one that takes a fraction of the CPU."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """The one user whom a sink lets in.

    Args:
        username: The user's name.
        password: The password, or the bearer token of XOAUTH2.
    """

    username: bytes
    password: bytes

    def __repr__(self) -> str:
        return "Credentials(...)"


@dataclass(frozen=True, slots=True)
class SinkOptions:
    """Options of ``python -m sinks``.

    Args:
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        engine: What speaks with the clients.
        lmtp: Whether it speaks LMTP instead of SMTP.
        profile: How it behaves: name of a shipped profile or path of a file; without one it takes everything at once.
        tls: How connections come under TLS.
        certificate: PEM file with key and certificate; without it TLS gets a self-signed one for this run.
        tls_minimum: The oldest version of TLS that is spoken, ``1.2`` or ``1.3``.
        auth: Environment variables with user name and password, as ``USER_ENV:PASSWORD_ENV``; clients must then log in.
        processes: Processes that share the port, one core each.
        max_size_bytes: Largest message that is taken.
        ledger: File for the ledger, written at the start, every second, on SIGUSR1 and at the end.
        resume: Whether what the ledger file holds already goes on counting.
        admin: Where the admin interface listens, as ``PORT`` or ``ADDRESS:PORT``; without it there is none.
        admin_token_env: Environment variable with the token that users of the admin interface must show.
        http: Where messages by HTTP are received, as ``PORT`` or ``ADDRESS:PORT``; without it they are not.
        mqtt: Where messages by MQTT are received, likewise.
        reuse_port: Whether other processes may listen on the same port.
        stop_on_eof: Whether the end of standard input stops the sink, so that it can't outlive who started it.
        json: Whether events on standard output are JSON lines rather than words.
        index: Number of the process among those of one sink.
        memory: File in which the processes of one sink share what their behaviour remembers.
    """

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    engine: Engine = Engine.AIOSMTPD
    lmtp: bool = False
    profile: str | None = None
    tls: Tls = Tls.NONE
    certificate: Path | None = None
    tls_minimum: str = "1.2"
    auth: str | None = None
    processes: int = 1
    max_size_bytes: int = DEFAULT_MAX_SIZE_BYTES
    ledger: Path | None = None
    resume: bool = False
    admin: str | None = None
    admin_token_env: str | None = None
    http: str | None = None
    mqtt: str | None = None
    reuse_port: bool = False
    stop_on_eof: bool = False
    json: bool = False
    index: int = 0
    memory: Path | None = None

    def __post_init__(self) -> None:
        """Refuse what can't work.

        Raises:
            UsageError: If a number is out of range.
        """
        for name, value, least, most in (
            ("port", self.port, 0, 65535),
            ("processes", self.processes, 1, MAX_PROCESSES),
            ("max size in bytes", self.max_size_bytes, 1, 2**40),
        ):
            if not least <= value <= most:
                raise UsageError(f"{name} is {value}", hint=f"choose one from {least} to {most}")
        if self.resume and self.ledger is None:
            raise UsageError("there is no ledger to resume", hint="name its file by --ledger")
        if self.admin_token_env and self.admin is None:
            raise UsageError("a token without an admin interface", hint="say by --admin where it listens")


def parse_place(place: str) -> tuple[str, int]:
    """Read where to listen, written as ``PORT`` or ``ADDRESS:PORT``.

    Raises:
        UsageError: If it is neither.
    """
    host, _, port = place.rpartition(":")
    if not port.isdecimal() or not 0 <= int(port) <= 65535:  # noqa: PLR2004 - the range of ports
        raise UsageError(f"{place!r} is no place to listen", hint="write PORT or ADDRESS:PORT")
    return host.strip("[]") or "127.0.0.1", int(port)


def command_line(options: SinkOptions) -> list[str]:
    """The command that runs a sink with these options in a process of its own, under `environment`."""
    # -P: a folder named "sinks" where the user happens to be must not win.
    command = [sys.executable, "-P", "-m", "sinks"]
    for option in fields(options):
        value = getattr(options, option.name)
        if value != option.default:
            command.append("--" + option.name.removesuffix("_bytes").replace("_", "-"))
            command += [] if value is True else [str(value)]
    return command


def environment() -> dict[str, str]:
    """This process's variables, with a search path on which a child finds the packages, installed or not."""
    path = os.pathsep.join(filter(None, (str(_SOURCE), os.environ.get("PYTHONPATH"))))
    return {**os.environ, "PYTHONPATH": path}


def read_credentials(auth: str, variables: Mapping[str, str] = os.environ) -> Credentials:
    """Read user name and password from the environment, so that they never stand on a command line.

    Args:
        auth: ``USER_ENV:PASSWORD_ENV``.
        variables: The environment.

    Raises:
        UsageError: If the text has another form or a variable is not set.
    """
    names = auth.split(":")
    if len(names) != 2 or not all(names):  # noqa: PLR2004 - a pair
        raise UsageError(f"{auth!r} doesn't name two variables", hint="write USER_ENV:PASSWORD_ENV")
    for name in names:
        if not variables.get(name):
            raise UsageError(f"the environment variable {name} is not set", hint=f"export {name}=...")
    username, password = (variables[name].encode() for name in names)
    return Credentials(username, password)
