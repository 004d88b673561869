"""The JSON Schema of thresholds: which conditions each metric takes, with the units of their limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loadkit.scenario.quantities import PATTERN_MESSAGE
from loadkit.scenario.thresholds import COUNT_PATTERN, LIMIT_PATTERNS, METRICS, Metric
from loadkit.units import DURATION_PATTERN, RATE_PATTERN, RATIO_PATTERN

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler
    from pydantic_core import CoreSchema

_PERCENTILE = r"p\s*\(\s*(?!0+(?:\.0+)?\s*\))[0-9]{1,2}(?:\.[0-9]{1,6})?\s*\)"
_EXAMPLES = {DURATION_PATTERN: "500ms", RATE_PATTERN: "100/s", RATIO_PATTERN: "0.1%", COUNT_PATTERN: "1000"}
_COMPARISON = r"\s*(?:<=|>=|==|!=|<|>)\s*"


class ThresholdsSchema:
    """Annotates a mapping of metrics to lists of conditions with a schema that knows each metric."""

    def __get_pydantic_json_schema__(self, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """The mapping's schema, with that of each metric in place of one for all."""
        conditions = handler(core_schema)["additionalProperties"]
        of_metric = {name: _of_metric(metric, conditions) for name, metric in METRICS.items()}
        return {
            "type": "object",
            "properties": {name: of_metric[name] for name in METRICS if not METRICS[name].required_tag},
            "patternProperties": {_tagged(name, metric): of_metric[name] for name, metric in METRICS.items()},
            "additionalProperties": False,
        }


def _of_metric(metric: Metric, conditions: dict[str, Any]) -> dict[str, Any]:
    pattern = f"^\\s*(?:{'|'.join(_conditions(metric))})\\s*$"
    text = {
        "type": "string",
        "pattern": pattern,
        PATTERN_MESSAGE: f"Write a condition such as {_example(metric)}",
        "examples": [_example(metric)],
    }
    form = {"anyOf": [text, {"type": "object", "properties": {"check": text}}]}
    return conditions | {"items": {"allOf": [conditions["items"], form]}}


def _conditions(metric: Metric) -> list[str]:
    """One pattern for all statistics whose limits have the same unit."""
    statistics: dict[str, list[str]] = {}
    for name, read in metric.statistics.items():
        statistics.setdefault(LIMIT_PATTERNS[read], []).append(_PERCENTILE if name == "p" else name)
    return [f"(?:{'|'.join(names)}){_COMPARISON}(?:{limit})" for limit, names in statistics.items()]


def _example(metric: Metric) -> str:
    name, read = next(iter(metric.statistics.items()))
    return f"{'p(95)' if name == 'p' else name} < {_EXAMPLES[LIMIT_PATTERNS[read]]}"


def _tagged(name: str, metric: Metric) -> str:
    """The pattern of a metric's key with tags in braces."""
    tags = rf"(?:\s*(?:{'|'.join(metric.tags)})\s*:[^,{{}}]+,?)*" if metric.tags else ""
    required = rf"(?=.*\b{metric.required_tag}\s*:)" if metric.required_tag else ""
    return rf"^\s*{name}\s*\{{{required}{tags}\s*\}}\s*$"
