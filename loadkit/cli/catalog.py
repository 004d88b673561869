"""`loadkit catalog`: see, check and import what things cost."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from loadkit.cli._options import AsJson, parse_duration_option
from loadkit.cli._output import print_data, print_json, print_note, print_summary, print_table
from loadkit.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from loadkit.plan.catalog import Catalog, Priced
    from loadkit.plan.catalog_import import Imported

HELP = "See, check and import what servers, disks, storage and traffic cost; with --json where a program reads it."
EXAMPLES = """\
  loadkit catalog show ecs.c8i.xlarge --json
  loadkit catalog check prices.yaml --max-age 90d"""
LIST_EXAMPLES = """\
  loadkit catalog list
  loadkit catalog list --json"""
SHOW_EXAMPLES = """\
  loadkit catalog show alibaba-cn
  loadkit catalog show ecs.c8i.xlarge"""
CHECK_EXAMPLES = """\
  loadkit catalog check
  loadkit catalog check prices.yaml --as-of 2026-11-30 --max-age 90d"""
IMPORT_EXAMPLES = """\
  loadkit catalog import instancePrice.json --layout alibaba --region cn-hangzhou -o prices.yaml
  loadkit catalog import offer.yaml --layout quote"""

_DAY_S = 86_400.0

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)


def _parse_day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a day: write 2026-11-30") from None


AsOf = Annotated[
    date | None, typer.Option("--as-of", parser=_parse_day, metavar="DATE", help="The day, such as 2026-11-30.")
]


@app.command("list", epilog=f"\b\nExamples:\n{LIST_EXAMPLES}")
def list_catalogs(*, as_json: AsJson = False) -> None:
    """List the catalogues that come with loadkit: how many prices, how old, how far to be trusted."""
    from loadkit.plan.catalog_load import catalog_names, load_catalog

    rows = [_overview(load_catalog([name])) for name in catalog_names()]
    if as_json:
        print_json(rows)
        return
    header = ("CATALOGUE", "CURRENCY", "REGION", "TYPES", "TIERS", "PRICES", "UNDATED", "OLDEST", "GRADES")
    print_table(
        header,
        [
            (
                row["name"],
                row["currency"] or "-",
                row["region"] or "-",
                str(row["instance_types"]),
                str(row["tiers"]),
                str(row["prices"]),
                str(row["undated"]),
                row["oldest"] or "-",
                " ".join(f"{grade}:{count}" for grade, count in row["grades"].items()) or "-",
            )
            for row in rows
        ],
    )


def _overview(catalog: Catalog) -> dict[str, Any]:
    prices = [one.price for one in catalog.prices()]
    dated = [price.as_of for price in prices if price.as_of]
    grades = [str(price.grade) for price in prices]
    return {
        "name": catalog.name,
        "currency": catalog.currency,
        "region": catalog.region,
        "instance_types": len(catalog.instance_types),
        "tiers": len(catalog.tiers),
        "prices": len(prices),
        "undated": len(prices) - len(dated),
        "oldest": str(min(dated)) if dated else None,
        "grades": {grade: grades.count(grade) for grade in sorted(set(grades))},
    }


@app.command("show", epilog=f"\b\nExamples:\n{SHOW_EXAMPLES}")
def show(
    name: Annotated[
        str,
        typer.Argument(metavar="CATALOG|ITEM", help="A catalogue, a file of one, or what is in one of those shipped."),
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """Show prices with their grade, day and source: of a catalogue, or of one thing in any of those shipped."""
    from loadkit.plan.catalog_load import catalog_names, load_catalog
    from loadkit.report.catalog import render_catalog, render_prices

    if name in catalog_names() or Path(name).is_file():
        catalog = load_catalog([name])
        if as_json:
            print_json(_plain(catalog))
        else:
            print_summary(render_catalog(catalog))
        return
    found = _find_item(name)
    if as_json:
        print_json([_plain(one) for one in found])
    else:
        print_summary(render_prices(found))


def _find_item(name: str) -> list[Priced]:
    from loadkit.plan.catalog_load import catalog_names, load_catalog
    from loadkit.scenario.findings import suggest

    every = [one for catalog in catalog_names() for one in load_catalog([catalog]).prices()]
    found = [one for one in every if one.item == name]
    if not found:
        known = dict.fromkeys((*catalog_names(), *(one.item for one in every)))
        raise UsageError(f"there is no catalogue and no thing {name!r}", hint=suggest(name, known))
    return found


@app.command("check", epilog=f"\b\nExamples:\n{CHECK_EXAMPLES}")
def check(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="CATALOG...", help="Names or files; all that are shipped unless told.")
    ] = None,
    *,
    today: AsOf = None,
    max_age_s: Annotated[
        float,
        typer.Option("--max-age", parser=parse_duration_option, metavar="TIME", help="From this age a price is stale."),
    ] = "180d",  # type: ignore[assignment]  # read by the parser
    as_json: AsJson = False,
) -> None:
    """Say what in catalogues is inconsistent, doubtful, stale or missing.

    A price that contradicts others is an error and ends with exit code 99, unless it is marked as suspect; all else
    is a warning. Ages count up to today, or to the day of --as-of.
    """
    from loadkit.plan.catalog_check import check_catalog
    from loadkit.plan.catalog_load import catalog_names, load_catalog
    from loadkit.report.catalog import render_findings

    catalogs = [load_catalog([name]) for name in names or catalog_names()]
    day = today or datetime.now(UTC).date()
    found = [check_catalog(catalog, today=day, max_age_days=max_age_s / _DAY_S) for catalog in catalogs]
    if as_json:
        print_json(
            {
                one.name: [finding.to_dict() for finding in findings]
                for one, findings in zip(catalogs, found, strict=True)
            }
        )
    else:
        for number, (catalog, findings) in enumerate(zip(catalogs, found, strict=True)):
            if number:
                print_data("")
            print_summary(render_findings(catalog, findings))
    if any(finding.severe for findings in found for finding in findings):
        raise typer.Exit(ExitCode.THRESHOLDS)


@app.command("import", epilog=f"\b\nExamples:\n{IMPORT_EXAMPLES}")
def import_prices(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file with prices.")],
    *,
    layout: Annotated[
        Literal["alibaba", "csv", "quote"],
        typer.Option(
            help="alibaba: its public instancePrice.json; csv: a row for each type, with columns type, currency, "
            "hourly, monthly, yearly; quote: an offer of your own."
        ),
    ],
    region: Annotated[str, typer.Option(metavar="REGION", help="Region of the prices, such as cn-hangzhou.")] = "",
    as_of: AsOf = None,
    grade: Annotated[
        Literal["A", "B", "C", "D"] | None,
        typer.Option(
            help="How far the prices can be trusted; unless told A for alibaba, C for csv, the file's own for quote."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write the catalogue here instead of printing it."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a catalogue of prices from elsewhere; what can't be read is named and left out, nothing is guessed."""
    from loadkit.plan.catalog_import import Origin
    from loadkit.plan.prices import Grade

    origin = Origin(file, region, as_of, Grade(grade) if grade else None)
    result = _imported(origin, layout)
    for problem in result.left_out:
        print_note(f"left out: {problem}")
    if output is not None:
        output.write_text(result.text, "utf-8")
        print_note(f"wrote {output}: things with a price: {result.count}; left out: {len(result.left_out)}")
    if as_json:
        print_json({"catalog": result.data, "left_out": list(map(str, result.left_out))})
    elif output is None:
        print_data(result.text.rstrip("\n"))


def _imported(origin: Any, layout: str) -> Imported:
    from loadkit.plan.catalog_import_alibaba import import_alibaba
    from loadkit.plan.catalog_import_csv import import_csv
    from loadkit.plan.catalog_import_quote import import_quote

    return {"alibaba": import_alibaba, "csv": import_csv, "quote": import_quote}[layout](origin)


def _plain(value: Any) -> Any:
    """Values as JSON: amounts as text, so that none is rounded."""
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Decimal):
        return f"{value:f}"
    return str(value) if isinstance(value, date | Enum) else value
