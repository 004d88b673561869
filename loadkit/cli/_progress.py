"""Live figures of a run on stderr: one line that changes on a terminal, a line now and then anywhere else."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TextIO

from loadkit.units import format_duration, format_rate

if TYPE_CHECKING:
    from loadkit.drive.live import LiveFigures

LOG_INTERVAL_S = 10.0
_CLEAR_LINE = "\r\x1b[2K"


class ProgressLine:
    """Shows live figures.

    Args:
        output: Where to, normally standard error.
    """

    def __init__(self, output: TextIO) -> None:
        self._output = output
        self._terminal = output.isatty()
        self._accepted_before = 0
        self._shown_at_s = 0.0

    def update(self, figures: LiveFigures) -> None:
        """Show the figures, outside a terminal only every `LOG_INTERVAL_S`."""
        totals = figures.totals
        elapsed_s = totals.at_s - self._shown_at_s
        if elapsed_s <= 0 or (not self._terminal and elapsed_s < LOG_INTERVAL_S):
            return
        line = live_line(figures, (totals.accepted - self._accepted_before) / elapsed_s)
        self._accepted_before, self._shown_at_s = totals.accepted, totals.at_s
        if self._terminal:
            width = os.get_terminal_size(self._output.fileno()).columns
            self._output.write(_CLEAR_LINE + line[: width - 1])
        else:
            self._output.write(line + "\n")
        self._output.flush()

    def finish(self) -> None:
        """Leave a terminal's line empty for what comes next."""
        if self._terminal:
            self._output.write(_CLEAR_LINE)
            self._output.flush()


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
    return "  ".join(parts)
