"""``python -m benchmarks``: what loadkit costs beside its peers and its bounds, as ratios."""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict

from benchmarks.analysing import compare_analysing
from benchmarks.beside_generators import compare_generators
from benchmarks.beside_peers import Table, compare_peers
from benchmarks.beside_sinks import compare_sinks
from benchmarks.coverage import compare_coverage
from benchmarks.merging import compare_merging
from benchmarks.rendering import Costs, compare_rendering, measure_costs
from benchmarks.running import Finding, machine
from benchmarks.scaling import compare_scaling
from benchmarks.searching import compare_search
from benchmarks.tls import compare_tls

ROUNDS = 5

Compare = Callable[[int, int], list[Finding] | Table | Costs]

WITHOUT_PROGRAMS = {"analysing", "merging", "coverage", "features", "search"}
"""Parts that neither start nor pin another program."""

PARTS: dict[str, Compare] = {
    "generators": compare_generators,
    "sinks": compare_sinks,
    "tls": compare_tls,
    "peers": compare_peers,
    "scaling": compare_scaling,
    "rendering": compare_rendering,
    "features": lambda _messages, rounds: measure_costs(rounds),
    "merging": lambda _messages, _rounds: compare_merging(),
    "analysing": lambda _messages, rounds: compare_analysing(rounds),
    "coverage": lambda _messages, _rounds: compare_coverage(),
    "search": lambda _messages, _rounds: compare_search(),
}


def main() -> int:
    """Run the comparisons; the exit code is 1 if a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--long", type=int, default=60_000, help="messages of a long run")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how often each is measured, in alternation")
    parser.add_argument("--only", choices=list(PARTS), action="append", help="leave out the others; repeatable")
    parser.add_argument("--json", action="store_true", help="print JSON on stdout")
    arguments = parser.parse_args()
    parts = arguments.only or list(PARTS)
    missing = [name for name in ("smtp-source", "smtp-sink", "taskset") if shutil.which(name) is None]
    if missing and not set(parts) <= WITHOUT_PROGRAMS:
        print(f"not installed: {', '.join(missing)} (Debian: postfix, util-linux)")
        return 1
    found: dict[str, list[Finding] | Table | Costs] = {}
    before = machine()
    for name in parts:
        found[name] = PARTS[name](arguments.long, arguments.rounds)
        if not arguments.json:
            print(_text(found[name]), flush=True)
    if arguments.json:
        print(json.dumps({"machine": {"before": before, "after": machine()}, **_as_json(found)}, indent=2))
    else:
        print(f"machine before {before}, after {machine()}")
    findings = [finding for part in found.values() if isinstance(part, list) for finding in part]
    return 0 if all(finding.met for finding in findings) else 1


def _text(part: list[Finding] | Table | Costs) -> str:
    return "\n".join(map(str, part)) if isinstance(part, list) else str(part)


def _as_json(found: dict[str, list[Finding] | Table | Costs]) -> dict[str, object]:
    return {
        name: [asdict(finding) for finding in part] if isinstance(part, list) else asdict(part)
        for name, part in found.items()
    }


if __name__ == "__main__":
    raise SystemExit(main())
