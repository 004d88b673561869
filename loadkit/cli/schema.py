"""`loadkit schema`: the JSON Schema of what people write, for editors."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated, Literal

import typer

from loadkit.cli._options import AsJson
from loadkit.cli._output import print_json

EXAMPLES = """\
  loadkit schema scenario > scenario.schema.json
  loadkit schema profile > profile.schema.json"""

Kind = Literal["scenario", "part", "profile", "provider", "catalog", "cost", "policy", "assumptions", "plan"]

# Name of the file's kind to the module and the name of its model.
MODELS: dict[Kind, tuple[str, str]] = {
    "scenario": ("loadkit.scenario.schema", "Scenario"),
    "part": ("loadkit.scenario.schema", "Scenario"),
    "profile": ("sinks.behaviour.profile", "Profile"),
    "provider": ("loadkit.scenario.limits", "Provider"),
    "catalog": ("loadkit.plan.catalog_schema", "CatalogFile"),
    "cost": ("loadkit.plan.cost_schema", "CostTableFile"),
    "policy": ("loadkit.plan.policy_schema", "PolicyFile"),
    "assumptions": ("loadkit.plan.assumptions", "Assumptions"),
}


def schema(
    kind: Annotated[
        Kind,
        typer.Argument(
            metavar="KIND",
            help="scenario, part (what scenarios include), profile (how a sink behaves), provider (its limits), "
            "catalog (what things cost), cost (a printed table of costs), policy (how fleets follow their load), "
            "assumptions (of a plan) or plan (as loadkit plan --json prints it).",
        ),
    ] = "scenario",
    *,
    as_json: AsJson = False,  # noqa: ARG001 - a schema is JSON with or without it
) -> None:
    """Print the JSON Schema of a kind of file, so that an editor completes keys and marks mistakes.

    Keep it beside your files, and let each begin with the line

    # yaml-language-server: $schema=scenario.schema.json
    """
    from loadkit.scenario.json_schema import json_schema

    if kind == "plan":
        from loadkit.plan.plan_schema import plan_schema

        print_json(plan_schema())
        return
    module, model = MODELS[kind]
    print_json(json_schema(getattr(import_module(module), model), kind, part=kind == "part"))
