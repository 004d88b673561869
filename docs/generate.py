"""Write the reference pages from the code: `python docs/generate.py`; with ``--check`` say which are out of date."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import typer

from loadkit.cli.app import EXIT_CODES, app
from loadkit.cli.schema import MODELS
from loadkit.measure import histogram_log, metrics, run_files
from loadkit.scenario.json_schema import json_schema
from loadkit.scenario.thresholds import METRICS

REFERENCE_DIR = Path(__file__).parent / "reference"

FILES = {
    run_files.RUN_FILE: "what the run was: status, verdict, exit code, seed, versions, the command to repeat it",
    run_files.SUMMARY_FILE: "everything that the summary on the terminal says, and more, as JSON",
    run_files.OUTCOMES_FILE: "how many messages ended how: class, phase, code, enhanced code, text",
    run_files.LEDGER_FILE: "accepted, delivered, lost and duplicated messages, with the numbers of those",
    run_files.WORKERS_FILE: "the processes that sent, where there were several",
    run_files.TARGET_FILE: "what was observed of the target's host, with --observe",
    histogram_log.HISTOGRAM_FILE: "latency histograms by phase, kind and stage: HdrHistogram's log, in microseconds",
    "junit.xml": "the thresholds as test cases",
    "timeline.parquet": "a row for each second, stage and kind: the four rates, failed, shed, in flight, percentiles",
    "generator.parquet": "a row for each second and process: CPU, lag, memory of the load generator",
    "delivery.parquet": "a row for each second: what had been accepted, what had arrived, where sinks were asked",
    "target.parquet": "a row for each sample of the target's host, with --observe",
    "scenario.yaml": "the scenario as it was given",
    "scenario.effective.yaml": "the scenario with includes, overrides and defaults",
}


def cli_page() -> str:
    """Every verb with its help."""
    group = typer.main.get_command(app)
    parts = ["# Command line", "Results go to stdout, progress and errors to stderr.", ""]
    for path, command in _commands(group, ()):
        context = typer.Context(
            command, info_name=" ".join(("loadkit", *path)), max_content_width=100, terminal_width=100
        )
        parts += [
            f"{'#' * (1 + len(path))} loadkit {' '.join(path)}",
            "",
            "```text",
            command.get_help(context),
            "```",
            "",
        ]
    return "\n".join(parts)


def _commands(group: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in getattr(group, "commands", {}).items():
        yield (*path, name), command
        yield from _commands(command, (*path, name))


def keys_page(kind: str) -> str:
    """Every key of a kind of file."""
    module, model = MODELS[kind]  # type: ignore[index]  # its keys are the kinds
    schema = json_schema(getattr(import_module(module), model), kind, part=kind == "part")
    blocks = {"(the file)": schema, **schema.get("$defs", {})}
    parts = [f"# Keys of a {kind}", f"`loadkit schema {kind}` prints the JSON Schema that this page is made of.", ""]
    for name, block in blocks.items():
        rows = list(_key_rows(block))
        if rows:
            parts += [
                f"## {name}",
                "",
                block.get("description", ""),
                "",
                "| key | what it says | for example |",
                "|---|---|---|",
            ]
            parts += [*rows, ""]
    return "\n".join(parts)


def _key_rows(block: dict[str, Any]) -> Iterator[str]:
    for one in (block, *block.get("anyOf", ())):
        for key, value in one.get("properties", {}).items():
            examples = ", ".join(
                f"`{example}`" for example in value.get("examples", ()) if not isinstance(example, dict)
            )
            yield f"| `{key}` | {_cell(_said(value))} | {_cell(examples)} |"


def _said(value: dict[str, Any]) -> str:
    said = str(value.get("description", ""))
    if (named := value.get("$ref") or next((one["$ref"] for one in value.get("anyOf", ()) if "$ref" in one), "")) != "":
        said += f" See {named.rpartition('/')[2]}."
    if "default" in value and not isinstance(value["default"], dict | list) and value["default"] is not None:
        said += f" Default `{value['default']}`."
    return said


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def metrics_page() -> str:
    """Metrics for monitoring, and those of thresholds."""
    rows = [
        f"| `{one.prometheus}` | {one.instrument.value} | {', '.join(one.labels) or '-'} | {_cell(one.help)} |"
        for one in vars(metrics).values()
        if isinstance(one, metrics.MetricName)
    ]
    asked = [
        f"| `{name}` | {', '.join(metric.statistics)} | {', '.join(metric.tags) or '-'} |"
        for name, metric in METRICS.items()
    ]
    return "\n".join(
        [
            "# Metrics",
            "## For Prometheus and OpenTelemetry",
            "",
            "Counters end in `_total`, histograms in `_bucket`, `_sum` and `_count`.",
            "",
            "| name in Prometheus | kind | labels | what it says |",
            "|---|---|---|---|",
            *rows,
            "",
            "## In thresholds",
            "",
            "| metric | statistics | tags |",
            "|---|---|---|",
            *asked,
            "",
        ]
    )


def exit_codes_page() -> str:
    """What the process says about whose fault it was."""
    rows = [line.strip().partition("  ") for line in EXIT_CODES.splitlines()]
    table = [f"| {code} | {_cell(says)} |" for code, _, says in rows]
    return "\n".join(["# Exit codes", "", "| code | meaning |", "|---|---|", *table, ""])


def run_folder_page() -> str:
    """The files of a run."""
    table = [f"| `{name}` | {_cell(says)} |" for name, says in FILES.items()]
    head = f"`results/<UTC>-<scenario>-<target>/`, schema version {run_files.SCHEMA_VERSION}."
    cut = "It has a temporary name until it is complete; a run that was cut short can be read all the same."
    return "\n".join(
        ["# The folder of a run", "", f"{head} {cut}", "", "| file | what it holds |", "|---|---|", *table, ""]
    )


def pages() -> dict[str, str]:
    """All reference pages by their file's name."""
    return {
        "cli.md": cli_page(),
        **{f"{kind}.md": keys_page(kind) for kind in MODELS if kind != "part"},
        "metrics.md": metrics_page(),
        "exit-codes.md": exit_codes_page(),
        "run-folder.md": run_folder_page(),
    }


def out_of_date() -> list[str]:
    """Names of pages that the code would write otherwise."""
    return [
        name
        for name, text in pages().items()
        if not (REFERENCE_DIR / name).is_file() or (REFERENCE_DIR / name).read_text(encoding="utf-8") != text
    ]


def main() -> int:
    """Write the pages, or with ``--check`` name those that differ."""
    if "--check" in sys.argv:
        old = out_of_date()
        print("\n".join(f"docs/reference/{name} is out of date: python docs/generate.py" for name in old))
        return bool(old)
    REFERENCE_DIR.mkdir(exist_ok=True)
    for name, text in pages().items():
        (REFERENCE_DIR / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
