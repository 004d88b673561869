"""`loadkit sink`: the bundled far end, on its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from loadkit.cli._options import AsJson, size_text
from loadkit.units import parse_size

EXAMPLES = """\
  loadkit sink --port 2525
  loadkit sink --port 0 --json --tls starttls --ledger ledger.json"""


def sink(
    *,
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, metavar="N", help="Port; 0 takes a free one.")] = 2525,
    tls: Annotated[
        Literal["none", "starttls", "implicit"], typer.Option(help="How connections come under TLS.")
    ] = "none",
    auth: Annotated[
        str | None,
        typer.Option(metavar="USER_ENV:PASSWORD_ENV", help="Ask for the credentials in these environment variables."),
    ] = None,
    processes: Annotated[int, typer.Option(min=1, max=64, metavar="N", help="Processes that share the port.")] = 1,
    max_size: Annotated[
        str, typer.Option(parser=size_text, metavar="SIZE", help="Largest message that is taken.")
    ] = "30MiB",
    ledger: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write what arrived here at the end, and on SIGUSR1.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Take mail and count every message, until Ctrl-C.

    Nothing is stored and nothing goes further.
    """
    from sinks.options import SinkOptions, Tls
    from sinks.serve import main

    main(
        SinkOptions(
            host=host,
            port=port,
            tls=Tls(tls),
            auth=auth,
            processes=processes,
            max_size_bytes=parse_size(max_size),
            ledger=ledger,
            json=as_json,
        )
    )
