"""Live figures of a run on stderr: one line that changes on a terminal, a line now and then anywhere else."""

from __future__ import annotations

import math
from time import monotonic
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.live import Live
from rich.text import Text

from loadkit.units import format_duration, format_rate

if TYPE_CHECKING:
    from loadkit.drive.live import LiveFigures

LOG_INTERVAL_S = 10.0


class ProgressLine:
    """Shows live figures.

    Args:
        output: Where to, normally standard error.
    """

    def __init__(self, output: TextIO) -> None:
        self._output = output
        # Refreshed by hand: a thread of its own would take turns with the load.
        self._live = Live(
            console=Console(file=output),
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._terminal = self._live.console.is_terminal
        self._accepted_before = 0
        self._shown_at_s = 0.0
        self._drain_shown_at_s = -math.inf

    def update(self, figures: LiveFigures) -> None:
        """Show the figures, outside a terminal only every `LOG_INTERVAL_S`."""
        totals = figures.totals
        elapsed_s = totals.at_s - self._shown_at_s
        if elapsed_s <= 0 or (not self._terminal and elapsed_s < LOG_INTERVAL_S):
            return
        line = live_line(figures, (totals.accepted - self._accepted_before) / elapsed_s)
        self._accepted_before, self._shown_at_s = totals.accepted, totals.at_s
        self._show(line)

    def note(self, text: str) -> None:
        """Show a line that stays."""
        self._live.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def draining(self, to_come: int) -> None:
        """Show how many messages have not arrived yet, outside a terminal only every `LOG_INTERVAL_S`."""
        now_s = monotonic()
        if self._terminal or now_s - self._drain_shown_at_s >= LOG_INTERVAL_S:
            self._drain_shown_at_s = now_s
            self._show(f"draining: {to_come:,} messages to come")

    def _show(self, line: str) -> None:
        if self._terminal:
            self._live.start()
            self._live.update(Text(line, no_wrap=True, overflow="crop"), refresh=True)
        else:
            self._output.write(line + "\n")
            self._output.flush()

    def finish(self) -> None:
        """Take the line off a terminal, for what comes next."""
        self._live.stop()


def live_line(figures: LiveFigures, accepted_per_s: float) -> str:
    """One line of live figures, the most wanted first, because a narrow terminal cuts it.

    Args:
        figures: The run at one moment.
        accepted_per_s: Accepted messages per second since the line before.
    """
    totals = figures.totals
    failed = sum(totals.failed.values())
    of_all = f" of {format_duration(figures.duration_s)}" if figures.duration_s is not None else ""
    of_messages = f" of {figures.messages:,.0f}" if figures.messages is not None else ""
    parts = [
        f"{figures.stage} {format_duration(round(totals.at_s))}{of_all}",
        f"accepted {totals.accepted:,}{of_messages}, {format_rate(accepted_per_s)}",
        f"failed {failed:,}",
        f"late {totals.queued:,}",
        f"shed {totals.shed:,}",
        f"p95 {'-' if figures.response_p95_s is None else format_duration(figures.response_p95_s)}",
        f"sessions {totals.connections:,}",
        f"cpu {figures.cpu_ratio:.0%}",
    ]
    if figures.workers is not None:
        parts.append(f"workers {figures.workers.alive} of {figures.workers.count}")
    return "  ".join(parts)
