"""Figures of how values are distributed: the percentile spectrum, and the steps of the conversation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from loadkit.measure.histogram import smallest_sample
from loadkit.report.blocks import Column, Data, Figure
from loadkit.report.figures import SYMBOLS, Layout, Trace, column, line, values_axis

if TYPE_CHECKING:
    from loadkit.measure.histogram import Histogram
    from loadkit.measure.summary import Latency
    from loadkit.report.words import Words

_PER_DECADE = 24
_SHOWN_PERCENTILES = (0, 50, 90, 95, 99, 99.9, 99.99, 99.999, 99.9999)


def spectrum(name: str, histograms: Mapping[str, Histogram], t: Words) -> Figure:
    """Latency against percentile, stretched towards the slowest as HdrHistogram's plots are.

    Args:
        name: The figure's id.
        histograms: By what they are of; at least one value in each.
        t: The language.

    Notes:
        The place of percentile p is 1 / (1 - p) on a logarithmic axis: 90 %, 99 % and 99.9 % stand equally far apart.
    """
    most = max(histogram.total for histogram in histograms.values())
    shares = _shares(most)
    keys = {f"v{number}": words for number, words in enumerate(histograms)}
    data = {"place": column("1 / (1 - p)", 1 / (1 - shares)), "percentile": column(t("percentile, %"), 100 * shares)}
    for key, words in keys.items():
        data[key] = column(t("{what}, ms", what=words), [_reached_ms(histograms[words], share) for share in shares])
    hover = "p%{text}: %{y:,.4~g} ms"
    traces = tuple(
        line("place", key, words, style, text="@percentile", hovertemplate=hover)
        for style, (key, words) in enumerate(keys.items())
    )
    says = t("Latency in milliseconds at each percentile.")
    note = t("To the right of the line a percentile rests on too few values to be bounded with 95 % confidence.")
    return Figure(name, t("Percentile spectrum"), says, (Data(data),), traces, _stretched(most, t), note)


def _stretched(most: int, t: Words) -> Layout:
    """A horizontal axis on which 90 %, 99 % and 99.9 % stand equally far apart, up to where a single value is."""
    ticks = [percent for percent in _SHOWN_PERCENTILES if 1 / (1 - percent / 100) <= most]
    return {
        "hovermode": "closest",
        "xaxis": {
            "type": "log",
            "title": {"text": t("percentile")},
            "tickvals": [1 / (1 - percent / 100) for percent in ticks],
            "ticktext": [f"{percent:g}%" for percent in ticks],
        },
        "yaxis": values_axis(t("ms"), logarithmic=True),
        **_unsure(most, t),
    }


def _shares(most: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Shares from 0 on, up to the one that a single value is beyond."""
    decades = math.log10(most) if most > 1 else 0.0
    return 1 - np.power(10.0, -np.linspace(0, decades, 2 + round(_PER_DECADE * decades)))


def _reached_ms(histogram: Histogram, share: float) -> float:
    """A quantile in milliseconds; NaN beyond the last value."""
    return 1e3 * histogram.quantile_s(share) if 1 - share >= 0.999 / max(histogram.total, 1) else math.nan


def _unsure(most: int, t: Words) -> dict[str, list[dict[str, object]]]:
    """A line where percentiles begin that the sample can't bound: those whose smallest sample is larger."""
    if most < smallest_sample(0.5):
        return {}
    at = 1 / (1 - 0.05 ** (1 / most))
    mark = {"type": "line", "yref": "paper", "y0": 0, "y1": 1, "x0": at, "x1": at}
    words = {"text": t("n too small"), "x": math.log10(at), "xanchor": "left", "yref": "paper", "y": 0.02}
    look = {"dash": "dash", "width": 1.5, "color": "var(--quiet)"}
    font = {"size": 11, "color": "var(--quiet)"}
    return {
        "shapes": [{**mark, "line": look}],
        "annotations": [{**words, "yanchor": "bottom", "showarrow": False, "font": font}],
    }


def phases(name: str, latencies: Mapping[str, Latency], t: Words) -> Figure:
    """The steps of the conversation, each with its median, 99th percentile and maximum.

    Args:
        name: The figure's id.
        latencies: By step, in the order of the conversation.
        t: The language.
    """
    figures = {
        "p50": [latency.quantiles_s["p50"] for latency in latencies.values()],
        "p99": [latency.quantiles_s["p99"] for latency in latencies.values()],
        t("mean"): [latency.mean_s for latency in latencies.values()],
        t("maximum"): [latency.max_s for latency in latencies.values()],
    }
    data = {"phase": Column(t("step"), list(latencies))}
    data |= {f"v{number}": _milliseconds(words, values) for number, (words, values) in enumerate(figures.items())}
    traces = tuple(_markers(number, words) for number, words in enumerate(figures))
    layout = {
        "hovermode": "y unified",
        "height": 120 + 34 * len(latencies),
        "xaxis": values_axis(t("ms"), logarithmic=True),
        "yaxis": {"autorange": "reversed", "type": "category"},
    }
    says = t("Duration of each step of the SMTP conversation in milliseconds.")
    note = t(
        "Steps that took less than a microsecond can't be shown on this axis; percentiles of too small samples are "
        "left out."
    )
    return Figure(name, t("Steps of the conversation"), says, (Data(data),), traces, layout, note)


def _markers(number: int, words: str) -> Trace:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": f"@v{number}",
        "y": "@phase",
        "name": words,
        "marker": {"symbol": SYMBOLS[number], "size": 10, "color": f"var(--line-{number + 1})"},
        "hovertemplate": "%{x:,.4~g} ms",
    }


def _milliseconds(words: str, values_s: Sequence[float | None]) -> Column:
    # A logarithmic axis has no zero.
    return column(f"{words}, ms", [1e3 * value if value else math.nan for value in values_s])
