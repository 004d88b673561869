"""`loadkit preflight`: look at a target before load."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from loadkit.cli._bundled import find_scenario
from loadkit.cli._options import Allow, AsJson, Overrides
from loadkit.cli._output import print_json, print_summary
from loadkit.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from loadkit.preflight.request import ProbeRequest
    from loadkit.scenario.schema import Scenario

EXAMPLES = """\
  loadkit preflight 127.0.0.1:2525 --scenario promotion
  loadkit preflight smtp://mx.staging.example --allow mx.staging.example --sender-domain shop.example --json"""


def preflight(
    target: Annotated[
        str, typer.Argument(metavar="TARGET", help="smtp://, smtps:// or lmtp://host:port, or a host alone.")
    ],
    *,
    scenario: Annotated[
        str | None,
        typer.Option(
            metavar="SCENARIO", help="Judge for this scenario: its TLS, login, sizes, senders; its allowed hosts."
        ),
    ] = None,
    overrides: Overrides = None,
    sender_domain: Annotated[
        str | None,
        typer.Option(metavar="DOMAIN", help="Look up SPF and DMARC of this domain instead of the scenario's senders."),
    ] = None,
    dkim_selector: Annotated[
        str | None, typer.Option(metavar="NAME", help="Look up this DKIM key of the sender's domain.")
    ] = None,
    blocklists: Annotated[
        list[str] | None,
        typer.Option("--blocklist", metavar="ZONE", help="Ask this DNS block list for our address; repeatable."),
    ] = None,
    resolver: Annotated[
        str | None, typer.Option(metavar="ADDRESS[:PORT]", help="DNS server instead of the system's.")
    ] = None,
    allow: Allow = None,
    as_json: AsJson = False,
) -> None:
    """Look at a target before load: names, ports, TLS, login, limits, sender's domain.

    Ten connections at most, fifteen seconds at most, and no message. Every finding says what was seen, why it matters
    and what to do. Ends with 3 where a run would be pointless.
    """
    from loadkit.cli._preflight import render_preflight
    from loadkit.preflight.look import look
    from loadkit.scenario.load import load_scenario

    if overrides and scenario is None:
        raise UsageError("--set needs --scenario", hint="name the scenario whose keys it changes")
    loaded = load_scenario(find_scenario(scenario), overrides=overrides or ()) if scenario is not None else None
    outcome = look(_request(target, loaded, sender_domain, dkim_selector, blocklists, resolver, allow))
    if as_json:
        print_json(outcome.to_dict())
    else:
        print_summary(render_preflight(outcome))
    if not outcome.passed:
        raise typer.Exit(ExitCode.TARGET)


def _request(  # noqa: PLR0917 - the options, in their order
    target: str,
    loaded: Scenario | None,
    sender_domain: str | None,
    dkim_selector: str | None,
    blocklists: list[str] | None,
    resolver: str | None,
    allow: list[str] | None,
) -> ProbeRequest:
    from loadkit.cli._target import allowed_target
    from loadkit.preflight.request import Needs, ProbeRequest, check_domain, needs_of, parse_resolver

    allowed = (*(loaded.target.allow if loaded is not None else ()), *(allow or ()))
    address = allowed_target(target_url(target), allowed)
    domain = sender_domain or (loaded.senders.dns_domain if loaded is not None else "")
    return ProbeRequest(
        target=address,
        needs=needs_of(loaded, address) if loaded is not None else Needs(),
        sender_domain=check_domain(domain, "the sender's domain") if domain else "",
        dkim_selector=check_domain(dkim_selector, "the DKIM selector") if dkim_selector else "",
        resolver=parse_resolver(resolver) if resolver is not None else None,
        blocklists=tuple(check_domain(zone, "the block list") for zone in blocklists or ()),
    )


def target_url(text: str) -> str:
    """The URL that a target on the command line stands for; a host alone is one of SMTP."""
    if "://" in text:
        return text
    bare_ipv6 = text.count(":") > 1 and not text.startswith("[")
    return f"smtp://[{text}]" if bare_ipv6 else f"smtp://{text}"
