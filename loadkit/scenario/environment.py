"""Values from the environment: ``${NAME}`` in the addresses of servers, and nowhere else."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from loadkit.scenario.document import Slip
from loadkit.scenario.findings import Finding, FindingsError
from loadkit.scenario.value_types import ValueType, types_below

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel

    from loadkit.scenario.document import Document
    from loadkit.scenario.findings import KeyPath

MAY_NAME_VARIABLES = "may name variables"
"""Annotates a type whose text `fill_variables` fills."""

VARIABLE_PATTERN = r"\$\{[A-Za-z_][A-Za-z0-9_]{0,99}\}"

_OPENING = "${"
_SECRET = re.compile(r"PASS|PWD|SECRET|TOKEN|CREDENTIAL|KEY", re.IGNORECASE)


def fill_variables(text: str) -> str:
    """Put the environment's values in place of ``${NAME}``.

    Raises:
        FindingsError: If a variable is not set or empty, is meant for a secret by its name, or is not closed.
    """
    for name in variables_in(text):
        if _SECRET.search(name):
            fix = "a secret goes into username_env, password_env or token_env"
            raise FindingsError(Finding(f"{name} is a secret by its name, and a URL is shown everywhere", fix=fix))
        if not os.environ.get(name):
            raise FindingsError(Finding(f"{name} is not set in the environment", fix=f"run with {name}=... before it"))
    filled = re.sub(VARIABLE_PATTERN, lambda match: os.environ[match[0][2:-1]], text)
    if _OPENING in re.sub(VARIABLE_PATTERN, "", text):
        raise FindingsError(Finding("has ${ that names no variable", fix="write ${NAME}"))
    return filled


def variables_in(text: str) -> list[str]:
    """The names of the variables in a text, in their order."""
    return [match[2:-1] for match in re.findall(VARIABLE_PATTERN, text)]


def misplaced_variables(document: Document, model_type: type[BaseModel]) -> list[Slip]:
    """Texts with ``${`` in which nothing is filled in."""
    return [
        Slip(
            line,
            "has ${, and only the addresses of targets and sinks come from the environment",
            path,
            "write the value, or give it with --set",
            file,
        )
        for path in _paths_of_variables(document.data, ())
        if _is_misplaced(model_type, path)
        for file, line in [document.place_of(path)]
    ]


def _paths_of_variables(value: object, path: KeyPath) -> Iterator[KeyPath]:
    if isinstance(value, str):
        if _OPENING in value:
            yield path
        return
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from _paths_of_variables(item, (*path, key))


def _is_misplaced(model_type: type[BaseModel], path: KeyPath) -> bool:
    """Whether nothing is filled in at a path; what an unknown key holds is not judged."""
    types = [ValueType(model_type)]
    for key in path:
        below = types_below(types, key)
        if not below and any(one.block is not None for one in types):
            return False
        types = below
    return not any(MAY_NAME_VARIABLES in one.metadata for one in types)
