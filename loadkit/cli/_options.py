"""Options that several verbs share, and readers of quantities that explain what they want."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from loadkit.units import UnitError, parse_duration, parse_rate, parse_ratio, parse_size

if TYPE_CHECKING:
    from collections.abc import Callable


def _checked(read: Callable[[str], object]) -> Callable[[str], str]:
    """A reader that refuses what ``read`` refuses and keeps the text, because a scenario holds texts too."""

    def parse(text: str) -> str:
        try:
            read(text)
        except UnitError as error:
            raise typer.BadParameter(str(error)) from error
        return text

    return parse


def parse_duration_option(text: str) -> float:
    """Read a duration from the command line.

    Args:
        text: Number and unit, such as ``90s``.

    Returns:
        The duration in seconds.

    Raises:
        typer.BadParameter: If the text is no duration.
    """
    return parse_duration(_checked(parse_duration)(text))


def parse_ratio_option(text: str) -> float:
    """Read a percentage above 0 and not above 100 from the command line.

    Args:
        text: Number and percent sign, such as ``10%``.

    Returns:
        The ratio, so 10 % is 0.1.

    Raises:
        typer.BadParameter: If the text is no such percentage.
    """
    ratio = parse_ratio(_checked(parse_ratio)(text))
    if not 0 < ratio <= 1:
        raise typer.BadParameter(f"{text} is not above 0% and not above 100%")
    return ratio


duration_text = _checked(parse_duration)
rate_text = _checked(parse_rate)
size_text = _checked(parse_size)


class Language(StrEnum):
    """Languages of pages and Markdown."""

    EN = "en"
    ZH = "zh"


Lang = Annotated[Language, typer.Option(help="Language of pages and Markdown.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no live figures.")]
ResultsDir = Annotated[Path, typer.Option("--results", metavar="DIR", help="Folder that holds the runs.")]
Allow = Annotated[
    list[str] | None,
    typer.Option(
        "--allow",
        metavar="HOST[:PORT]",
        help="Let load go to this host besides loopback; repeatable. Only for servers that you may load.",
    ),
]
MAX_LOCAL_WORKERS = 64
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Another value for a key of the scenario, such as load.stages.hold.rate=300/s; repeatable.",
    ),
]
Observe = Annotated[
    str | None,
    typer.Option(
        "--observe",
        metavar="local|URL",
        help="Observe the target's host: local, the URL of its node_exporter, or http://prometheus:9090?instance=NAME.",
    ),
]
NoPreflight = Annotated[
    bool, typer.Option("--no-preflight", help="Don't look at a target beyond this machine before load.")
]
SinkProcesses = Annotated[
    int, typer.Option(min=1, max=64, metavar="N", help="Processes of the bundled sink, where no target is named.")
]
SinkEngine = Annotated[
    Literal["aiosmtpd", "fast"],
    typer.Option(help="What speaks SMTP in the bundled sink: the complete one, or the one for the highest rates."),
]
SinkProfile = Annotated[
    str | None,
    typer.Option(metavar="NAME|FILE", help="How the bundled sink behaves; loadkit sink --profiles lists the names."),
]

DEFAULT_RESULTS = Path("results")
DEFAULT_MASTER_PORT = 5557  # Locust's
