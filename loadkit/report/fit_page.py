"""Fitted curves as a page with pictures that needs no network."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from loadkit.analysis.results import shown

if TYPE_CHECKING:
    from loadkit.analysis.latency_fit import LatencyFit
    from loadkit.analysis.least_squares import Floats
    from loadkit.analysis.scalability_fit import ScalabilityFit

_HEAD = """\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>loadkit fit</title>
<style>body{font-family:system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#222}
pre{overflow-x:auto;background:#f6f6f4;padding:1rem;line-height:1.35}</style></head><body>
<h1>loadkit fit</h1>
"""
_COLOURS = ("#1f5fa8", "#b5541c", "#2e7d4f", "#7a3e9d", "#8a6d00")


def write_fit_page(path: Path, figures: Sequence[go.Figure], text: str) -> None:
    """Write pictures and the words that go with them as one HTML file.

    Args:
        path: The file, replaced if it is there.
        figures: Pictures.
        text: What a terminal shows.

    Raises:
        OSError: If the file can't be written.
    """
    pictures = [figure.to_html(full_html=False, include_plotlyjs=number == 0) for number, figure in enumerate(figures)]
    path.write_text(_HEAD + "\n".join(pictures) + f"\n<pre>{escape(text)}</pre>\n</body></html>\n", encoding="utf-8")


def scalability_figure(fit: ScalabilityFit, names: tuple[str, str]) -> go.Figure:
    """Trials, the chosen curve with both bands, and the other candidates.

    Args:
        fit: The fit.
        names: What concurrency and throughput are called.
    """
    places = np.linspace(fit.measured[0], 2 * fit.measured[1], 200)
    band = fit.band(places)
    figure = go.Figure()
    _add_band(figure, places, band.prediction, (f"a new run ({fit.level:.0%})", "rgba(31,95,168,0.10)"))
    _add_band(figure, places, band.confidence, (f"the curve ({fit.level:.0%})", "rgba(31,95,168,0.22)"))
    for name, values in fit.all_throughputs(places).items():
        chosen = name == fit.curve.curve
        style = {"color": _COLOURS[0] if chosen else "#888", "dash": "solid" if chosen else "dot"}
        visible: bool | str = True if chosen else "legendonly"
        figure.add_scatter(x=places, y=values, name=name, mode="lines", line=style, visible=visible)
    figure.add_scatter(x=fit.observed[0], y=fit.observed[1], name="trials", mode="markers", marker={"color": "#222"})
    if fit.n_max is not None and np.isfinite(fit.n_max.value):
        figure.add_vline(x=fit.n_max.value, line_dash="dash", annotation_text=f"N_max {shown(fit.n_max.value)}")
    figure.update_layout(template="plotly_white", title=f"{fit.curve.curve}: {fit.curve.formula}")
    figure.update_xaxes(title=names[0])
    figure.update_yaxes(title=names[1], rangemode="tozero")
    return figure


def latency_figure(fit: LatencyFit, name: str) -> go.Figure:
    """Trials and curves of each quantile, with the capacity.

    Args:
        fit: The fit.
        name: What the rate is called.
    """
    places = fit.grid()
    figure = go.Figure()
    for index, quantile in enumerate(fit.quantiles):
        colour, band = _COLOURS[index % len(_COLOURS)], fit.band(quantile, places)
        label = f"p{100 * quantile:g}"
        for edge, words in ((band.low, "low"), (band.high, "high")):
            style = {"color": colour, "dash": "dot", "width": 1}
            figure.add_scatter(x=places, y=1e3 * edge, name=f"{label} {words}", line=style, showlegend=False)
        figure.add_scatter(x=places, y=1e3 * band.estimate, name=label, mode="lines", line={"color": colour})
        observed = 1e3 * fit.observed[1][:, index]
        figure.add_scatter(x=fit.observed[0], y=observed, mode="markers", marker={"color": colour}, showlegend=False)
    figure.add_vline(x=fit.capacity.value, line_dash="dash", annotation_text=f"C {shown(fit.capacity.value)}")
    figure.update_layout(template="plotly_white", title="latency against rate")
    figure.update_xaxes(title=name)
    figure.update_yaxes(title="ms", type="log")
    return figure


def _add_band(figure: go.Figure, places: Floats, edges: Floats, look: tuple[str, str]) -> None:
    name, colour = look
    across = np.concatenate([places, places[::-1]])
    around = np.concatenate([edges[1], edges[0][::-1]])
    figure.add_scatter(
        x=across, y=around, fill="toself", fillcolor=colour, line={"width": 0}, name=name, hoverinfo="skip"
    )
