"""`loadkit sink`: the bundled far end, on its own."""

from __future__ import annotations

from pathlib import Path
from textwrap import fill
from typing import Annotated, Literal

import typer

from loadkit.cli._options import AsJson, size_text
from loadkit.cli._output import print_json
from loadkit.units import parse_size

EXAMPLES = """\
  loadkit sink --profile greylist --processes 2 --port 0 --json
  loadkit sink --engine fast --processes 4 --ledger ledger.json --resume --admin 8025"""


Address = Annotated[str, typer.Option(metavar="ADDRESS", help="Address to listen on.")]
Port = Annotated[int, typer.Option(min=0, max=65535, metavar="N", help="Port; 0 takes a free one.")]
EngineName = Annotated[
    Literal["aiosmtpd", "fast"],
    typer.Option(help="What speaks with clients: the complete one, or the one for the highest rates."),
]
Lmtp = Annotated[bool, typer.Option("--lmtp", help="Speak LMTP instead of SMTP.")]
ProfileName = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|FILE", help="How it behaves: greylist, flaky, basic, ... (see --profiles); else takes all."
    ),
]
TlsMode = Annotated[Literal["none", "starttls", "implicit"], typer.Option(help="How connections come under TLS.")]
TlsMinimum = Annotated[Literal["1.2", "1.3"], typer.Option(help="Oldest version of TLS that is spoken.")]
Auth = Annotated[
    str | None,
    typer.Option(metavar="USER_ENV:PASSWORD_ENV", help="Ask for the credentials in these environment variables."),
]
Processes = Annotated[int, typer.Option(min=1, max=64, metavar="N", help="Processes that share the port.")]
MaxSize = Annotated[str, typer.Option(parser=size_text, metavar="SIZE", help="Largest message that is taken.")]
LedgerFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Write what arrived here, every second and at the end.")
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on counting from what the ledger holds, however its sink ended.")
]
Admin = Annotated[
    str | None,
    typer.Option(metavar="[ADDRESS:]PORT", help="Serve health, ledger, counters, profile and metrics over HTTP."),
]
AdminTokenEnv = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Variable with the token that the admin interface then asks for."),
]
Http = Annotated[str | None, typer.Option(metavar="[ADDRESS:]PORT", help="Receive messages of HTTP channels here too.")]
Mqtt = Annotated[str | None, typer.Option(metavar="[ADDRESS:]PORT", help="Receive messages of MQTT channels here too.")]
Profiles = Annotated[bool, typer.Option("--profiles", help="List the profiles that are shipped, and do nothing else.")]


def sink(
    *,
    host: Address = "127.0.0.1",
    port: Port = 2525,
    engine: EngineName = "aiosmtpd",
    lmtp: Lmtp = False,
    profile: ProfileName = None,
    tls: TlsMode = "none",
    tls_minimum: TlsMinimum = "1.2",
    auth: Auth = None,
    processes: Processes = 1,
    max_size: MaxSize = "30MiB",
    ledger: LedgerFile = None,
    resume: Resume = False,
    admin: Admin = None,
    admin_token_env: AdminTokenEnv = None,
    http: Http = None,
    mqtt: Mqtt = None,
    profiles: Profiles = False,
    as_json: AsJson = False,
) -> None:
    """Take mail and count every message, until Ctrl-C.

    Nothing is stored and nothing goes further. A profile makes it behave as real receivers do: slow, greylisting,
    limiting, failing by chance or by rule.
    """
    if profiles:
        _list_profiles(as_json=as_json)
        return
    from sinks.options import Engine, SinkOptions, Tls
    from sinks.serve import main

    main(
        SinkOptions(
            host=host,
            port=port,
            engine=Engine(engine),
            lmtp=lmtp,
            profile=profile,
            tls=Tls(tls),
            tls_minimum=tls_minimum,
            auth=auth,
            processes=processes,
            max_size_bytes=parse_size(max_size),
            ledger=ledger,
            resume=resume,
            admin=admin,
            admin_token_env=admin_token_env,
            http=http,
            mqtt=mqtt,
            json=as_json,
        )
    )


def _list_profiles(*, as_json: bool) -> None:
    from sinks.behaviour.profile import load_profile, profile_names

    described = {name: " ".join(load_profile(name).description.split()) for name in profile_names()}
    if as_json:
        print_json(described)
        return
    for name, description in described.items():
        print(f"{name}\n    {fill(description, 100, subsequent_indent='    ')}")
