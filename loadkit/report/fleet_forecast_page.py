"""A campaign against fleets as a page: load and capacity, what waits, tables and answers; it needs no network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from html import escape
from string import Template
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from loadkit.report.fleet_forecast import (
    COST_HEADER,
    DELAY_HEADER,
    FLEET_HEADER,
    Label,
    answers,
    column_maxima,
    cost_rows,
    cost_title,
    delay_cells,
    fleet_cells,
    rows_of,
)

if TYPE_CHECKING:
    from loadkit.plan.fluid import Course
    from loadkit.plan.outlook import FleetForecast
    from loadkit.plan.prospect import Prospect
    from loadkit.scenario.curve import Floats

_MOST_POINTS = 1500
_TICKS = 9
_HOVER = {"mode": "lines", "hovertemplate": "%{text}<br>%{y:,.4~g}"}
_COLOURS = ("#1f5fa8", "#b5541c", "#2e7d4f", "#7a3e9d", "#8a6d00", "#0f766e", "#be185d", "#4d5b6b")

_PAGE = Template("""\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>$title</title>
<style>body{font-family:system-ui,sans-serif;margin:2rem auto;max-width:75rem;padding:0 1rem;color:#222}
h1{font-size:1.5rem} h2{font-size:1.1rem;margin-top:2rem} .wide{overflow-x:auto}
table{border-collapse:collapse} th,td{padding:.3rem 1rem .3rem 0;border-bottom:1px solid #ddd;text-align:right}
th:first-child,td:first-child,th:nth-child(2),td:nth-child(2){text-align:left} th{font-weight:600}
.basis{color:#555}</style></head><body>
<h1>$title</h1>
$pictures
<h2>Fleets: $goal in every hour</h2>
$fleets
<h2>Delay of all messages, service included</h2>
$delays
$costs
<h2>Answers</h2>
<ul>$answers</ul>
<h2>What this rests on</h2>
<ul class="basis">$basis</ul>
</body></html>
""")


def fleet_forecast_page(forecast: FleetForecast, name: str, label: Label) -> str:
    """The page as HTML, with all that it needs in it.

    Args:
        forecast: What it shows.
        name: The scenario's name.
        label: A moment in words, for seconds since the start.
    """
    figures = (
        _load_figure(forecast, label),
        _figure(forecast, label, "messages that wait", lambda course: course.backlog),
        _figure(forecast, label, "p99 of the delay in seconds", lambda course: course.delays_s(0.99)),
    )
    rows = rows_of(forecast)
    costs = ""
    if forecast.costs:
        title = escape(cost_title(forecast))
        costs = f"<h2>Cost of a month in {title}</h2>\n{_table(COST_HEADER, cost_rows(forecast))}"
    return _PAGE.substitute(
        title=escape(f"{name}: its calendar against fleets"),
        goal=escape(forecast.setting.goal.text),
        pictures="\n".join(
            figure.to_html(full_html=False, include_plotlyjs=number == 0, config={"displaylogo": False})
            for number, figure in enumerate(figures)
        ),
        fleets=_table(FLEET_HEADER, map(fleet_cells, rows)),
        delays=_table(DELAY_HEADER, map(delay_cells, rows)),
        costs=costs,
        answers=_items(answers(forecast, label)),
        basis=_items(forecast.rests_on),
    )


def _load_figure(forecast: FleetForecast, label: Label) -> go.Figure:
    """Arrivals, and what each fleet can serve."""
    figure = go.Figure()
    rates = _drawn(forecast.setting.load.rates_per_s)
    x, texts = _places(forecast, len(rates), label)
    figure.add_scatter(
        x=x, y=rates, text=texts, name="arrivals", fill="tozeroy", line={"color": "#888", "width": 1}, **_HOVER
    )
    for prospect, colour in _coloured(rows_of(forecast)):
        capacity = _drawn(prospect.course.capacity_per_s)
        style = {"color": colour, "shape": "hv"}
        figure.add_scatter(x=x, y=capacity, text=texts, name=f"capacity of {prospect.name}", line=style, **_HOVER)
    return _laid_out(figure, forecast, label, "messages/s")


def _figure(forecast: FleetForecast, label: Label, title: str, values: Callable[[Course], Floats]) -> go.Figure:
    """A figure of every minute, by fleet."""
    figure = go.Figure()
    for prospect, colour in _coloured(rows_of(forecast)):
        drawn = _drawn(values(prospect.course))
        x, texts = _places(forecast, len(drawn), label)
        figure.add_scatter(x=x, y=drawn, text=texts, name=prospect.name, line={"color": colour}, **_HOVER)
    return _laid_out(figure, forecast, label, title)


def _coloured(prospects: Sequence[Prospect]) -> Iterable[tuple[Prospect, str]]:
    for number, prospect in enumerate(prospects):
        yield prospect, _COLOURS[number % len(_COLOURS)]


def _drawn(values: Floats) -> Floats:
    """All values, or the highest in each of many equal parts."""
    return values if len(values) <= _MOST_POINTS else column_maxima(values, _MOST_POINTS)


def _places(forecast: FleetForecast, count: int, label: Label) -> tuple[Floats, list[str]]:
    places = np.arange(count) * forecast.setting.load.duration_s / count
    return places, [escape(label(place)) for place in places.tolist()]


def _laid_out(figure: go.Figure, forecast: FleetForecast, label: Label, title: str) -> go.Figure:
    ticks = np.linspace(0.0, forecast.setting.load.duration_s, _TICKS).tolist()
    figure.update_layout(template="plotly_white", hovermode="x", height=380, margin={"t": 30, "b": 40})
    figure.update_xaxes(tickvals=ticks, ticktext=[label(tick) for tick in ticks])
    figure.update_yaxes(title=title, rangemode="tozero")
    return figure


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    body = "\n".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="wide"><table>\n<tr>{head}</tr>\n{body}\n</table></div>'


def _items(lines: Iterable[str]) -> str:
    return "\n".join(f"<li>{escape(line)}</li>" for line in lines)
