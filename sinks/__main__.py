"""``python -m sinks``: a far end that takes every message and knows what arrived."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from loadkit.errors import LoadkitError
from loadkit.units import UnitError, parse_size
from sinks.options import DEFAULT_MAX_SIZE_BYTES, DEFAULT_PORT, Engine, SinkOptions, Tls
from sinks.serve import main


def _size_bytes(text: str) -> int:
    if text.isdecimal():
        return int(text)
    try:
        return parse_size(text)
    except UnitError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def parse(arguments: list[str]) -> SinkOptions:
    """Read the command line; a wrong one ends the process with code 2 and a message.

    Args:
        arguments: What stands after ``python -m sinks``.
    """
    parser = argparse.ArgumentParser(prog="sinks", description=__doc__)
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    add("--port", type=int, default=DEFAULT_PORT, help="port to listen on; 0 takes a free one (%(default)s)")
    add("--engine", type=Engine, choices=list(Engine), default=Engine.AIOSMTPD, help="what speaks SMTP (%(default)s)")
    add("--lmtp", action="store_true", help="speak LMTP instead of SMTP")
    add("--profile", metavar="NAME|FILE", help="how it behaves; by default it takes everything at once")
    add("--tls", type=Tls, choices=list(Tls), default=Tls.NONE, help="how connections come under TLS (%(default)s)")
    add("--certificate", type=Path, help="PEM file with key and certificate; by default TLS gets a self-signed one")
    add("--tls-minimum", choices=["1.2", "1.3"], default="1.2", help="oldest version of TLS spoken (%(default)s)")
    add("--auth", metavar="USER_ENV:PASSWORD_ENV", help="environment variables of the user who must log in")
    add("--processes", type=int, default=1, help="processes that share the port (%(default)s)")
    add(
        "--max-size",
        type=_size_bytes,
        default=DEFAULT_MAX_SIZE_BYTES,
        dest="max_size_bytes",
        metavar="SIZE",
        help="largest message that is taken, such as 30MiB",
    )
    add("--ledger", type=Path, help="file for the ledger, written every second, on SIGUSR1 and at the end")
    add("--resume", action="store_true", help="go on counting from what the ledger file holds")
    add("--admin", metavar="[ADDRESS:]PORT", help="where the admin interface listens")
    add("--admin-token-env", metavar="NAME", help="environment variable with the token of the admin interface")
    add("--http", metavar="[ADDRESS:]PORT", help="receive messages by HTTP here too")
    add("--mqtt", metavar="[ADDRESS:]PORT", help="receive messages by MQTT here too")
    add("--reuse-port", action="store_true", help="let other processes listen on the same port")
    add("--stop-on-eof", action="store_true", help="stop when standard input ends")
    add("--json", action="store_true", help="tell events as JSON lines")
    # Of one process among several, which the sink starts by itself.
    add("--index", type=int, default=0, help=argparse.SUPPRESS)
    add("--memory", type=Path, help=argparse.SUPPRESS)
    return SinkOptions(**vars(parser.parse_args(arguments)))


if __name__ == "__main__":
    try:
        main(parse(sys.argv[1:]))
    except LoadkitError as error:
        sys.stderr.write(f"sinks: {error}" + (f" ({error.hint})\n" if error.hint else "\n"))
        sys.exit(error.exit_code)
