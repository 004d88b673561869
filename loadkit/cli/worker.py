"""`loadkit worker`: send a share of a run that a master elsewhere judges."""

from __future__ import annotations

from typing import Annotated

import typer

from loadkit.cli._options import DEFAULT_MASTER_PORT, AsJson, Quiet

EXAMPLES = """\
  loadkit worker --master-host 10.0.0.5
  loadkit worker --master-host loadmaster.example.net --master-port 6000"""


def worker(
    *,
    master_host: Annotated[
        str, typer.Option(metavar="HOST", help="Name or address of the machine with loadkit run --master.")
    ],
    master_port: Annotated[
        int, typer.Option(min=1, max=65535, metavar="PORT", help="The port that it listens on.")
    ] = DEFAULT_MASTER_PORT,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Send a share of a run that another machine directs and judges.

    The master, started with loadkit run --master, says what to send and where to; start a worker only for a master
    that you trust. The worker waits for it, sends its share of one run, and ends. Credentials and corpora of the
    scenario must be on this machine too, at the same place. When the master is gone, it stops within ten seconds.
    """
    from dataclasses import asdict

    from loadkit.cli._output import print_json, print_note
    from loadkit.drive.worker import work  # first of all: it patches ssl and socket

    worked = work(master_host, master_port, (lambda _: None) if quiet else print_note)
    if as_json:
        print_json(asdict(worked))
