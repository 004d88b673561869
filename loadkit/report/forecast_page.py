"""A forecast as a page: the curves with their stages, the numbers, the guardrails; one file that needs no network."""

from __future__ import annotations

import json
from html import escape
from string import Template
from typing import TYPE_CHECKING, Any

import numpy as np

from loadkit.report.forecast import calendar_label, drawn, guardrail_lines, number_rows, peak_words
from loadkit.scenario.describe import describe
from loadkit.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from loadkit.report.forecast import Outlook
    from loadkit.scenario.timetable import Timetable

_TICKS = 9
_MOST_NAMES = 12
"""More names of stages than these would hide each other; the others are shown under the pointer."""

_PAGE = Template("""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
:root { color-scheme: light dark; --ink: #1d2433; --paper: #ffffff; --line: #2563eb; --fill: rgba(37, 99, 235, 0.15);
  --band: rgba(29, 36, 51, 0.05); --rule: #d5d9e2; --warn: #9a3412; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9f0; --paper: #12161f; --line: #7aa7ff; --fill: rgba(122, 167, 255, 0.18);
    --band: rgba(230, 233, 240, 0.06); --rule: #39404f; --warn: #fdba74; } }
body { margin: 0 auto; padding: 1rem; max-width: 75rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
.curve { height: 22rem; }
table { border-collapse: collapse; }
th, td { padding: 0.25rem 1rem 0.25rem 0; border-bottom: 1px solid var(--rule); text-align: right; }
th:first-child, td:first-child { text-align: left; font-weight: normal; }
pre { overflow-x: auto; font-size: 0.85rem; }
.guardrails { color: var(--warn); } .guardrails.kept { color: inherit; }
</style>
<script>$plotly</script>
</head>
<body>
<h1>$title</h1>
$curves
<h2>Numbers</h2>
$table
<p>$assumption</p>
<p class="guardrails$kept">$guardrails</p>
<details><summary>In words</summary><pre>$words</pre></details>
<script>
const curves = $data;
const config = {responsive: true, displaylogo: false};
function draw() {
  const style = getComputedStyle(document.documentElement);
  const colour = name => style.getPropertyValue("--" + name).trim();
  for (const curve of curves) {
    const trace = {x: curve.x, y: curve.y, text: curve.text, type: "scatter", mode: "lines", fill: "tozeroy",
      line: {color: colour("line"), width: 2}, fillcolor: colour("fill"),
      hovertemplate: "%{text}<br>%{y:,.4~g} messages/s<extra></extra>"};
    const layout = {margin: {l: 60, r: 60, t: 24, b: 48}, paper_bgcolor: colour("paper"), plot_bgcolor: colour("paper"),
      font: {color: colour("ink")}, showlegend: false, hovermode: "x",
      xaxis: {tickvals: curve.ticks.map(tick => tick.at), ticktext: curve.ticks.map(tick => tick.label),
        range: [0, curve.end], gridcolor: colour("rule"), zeroline: false},
      yaxis: {title: {text: "messages/s"}, rangemode: "tozero", gridcolor: colour("rule"), zeroline: false},
      shapes: curve.bands.map(band => ({type: "rect", xref: "x", yref: "paper", x0: band.start, x1: band.end, y0: 0,
        y1: 1, fillcolor: colour("band"), line: {width: 0}, layer: "below"})),
      annotations: curve.names.map(name => ({x: name.at, xref: "x", y: 1, yref: "paper", text: name.text,
        textangle: -90, xanchor: "center", yanchor: "top", showarrow: false, font: {size: 11}}))};
    Plotly.react(curve.id, [trace], layout, config);
  }
}
draw();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
</script>
</body>
</html>
""")


def forecast_page(outlook: Outlook) -> str:
    """The page as HTML, with all that it needs in it.

    Args:
        outlook: What it shows.
    """
    from plotly.offline import get_plotlyjs  # noqa: PLC0415 - half a second that only pages need

    curves = [(name, _curve_data(f"curve-{name}", timetable, label)) for name, timetable, label in _curves(outlook)]
    headings = {"calendar": "Real calendar", "run": "The run"}
    kept = "" if outlook.breaches or outlook.calendar_breaches else " kept"
    return _PAGE.substitute(
        title=escape(f"{outlook.scenario.name}: what will be sent"),
        plotly=get_plotlyjs(),
        curves="\n".join(
            f'<h2>{headings[name]}</h2>\n<div class="curve" id="curve-{name}" role="img" '
            f'aria-label="Messages per second over time"></div>'
            for name, _ in curves
        ),
        table=_table(outlook),
        assumption=escape(
            f"By Little's law for {format_duration(outlook.run.service_time_s)} of the target's time a message, "
            "which is an assumption."
        ),
        kept=kept,
        guardrails="<br>".join(escape(line) for line in guardrail_lines(outlook) if line),
        words=escape(describe(outlook.scenario)),
        # A script ends at "</" wherever it stands.
        data=json.dumps([data for _, data in curves]).replace("</", "<\\/"),
    )


def _curves(outlook: Outlook) -> Iterator[tuple[str, Timetable, Callable[[float], str]]]:
    if outlook.calendar_timetable is not None:
        yield "calendar", outlook.calendar_timetable, calendar_label(outlook)
    if outlook.timetable.curve is not None:
        yield "run", outlook.timetable, format_duration


def _curve_data(element: str, timetable: Timetable, label: Callable[[float], str]) -> dict[str, Any]:
    curve, stages = timetable.curve, timetable.stages
    assert curve is not None
    times_s, rates = drawn(curve)
    names = [stages[index].name for index in timetable.stage_of(times_s)]
    named = stages if len(stages) <= _MOST_NAMES else ()
    return {
        "id": element,
        "x": times_s.tolist(),
        "y": rates.tolist(),
        "text": [f"{label(time_s)}, {escape(name)}" for time_s, name in zip(times_s.tolist(), names, strict=True)],
        "end": curve.duration_s,
        "ticks": [{"at": at_s, "label": label(at_s)} for at_s in np.linspace(0, curve.duration_s, _TICKS).tolist()],
        "bands": [{"start": stage.start_s, "end": stage.end_s} for stage in stages[1::2]],
        "names": [{"at": (stage.start_s + stage.end_s) / 2, "text": escape(stage.name)} for stage in named],
    }


def _table(outlook: Outlook) -> str:
    run_peak, calendar_peak = peak_words(outlook)
    run = number_rows(outlook.run, run_peak)
    columns = [dict(run)]
    header = ["", "run"]
    if outlook.calendar is not None:
        columns.insert(0, dict(number_rows(outlook.calendar, calendar_peak)))
        header.insert(1, "real calendar")
    head = "".join(f"<th>{escape(text)}</th>" for text in header)
    rows = (
        f"<tr><td>{escape(name)}</td>{''.join(f'<td>{escape(column[name])}</td>' for column in columns)}</tr>"
        for name, _ in run
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
