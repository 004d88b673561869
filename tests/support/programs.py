"""Programs that tests against real servers need."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest

SYSTEM_PATHS = "/usr/sbin:/usr/local/sbin"


def find_program(name: str) -> str:
    """Path of an installed program; without it the test ends as `lacking` says."""
    return shutil.which(name) or shutil.which(name, path=SYSTEM_PATHS) or lacking(f"{name} is not installed")


def need_root(what: str) -> None:
    """End the test as `lacking` says, unless it runs as root."""
    if os.geteuid() != 0:
        lacking(f"{what} as root only")


def lacking(message: str) -> NoReturn:
    """Skip the test, or fail it under LOADKIT_REQUIRE_REAL=1."""
    if os.environ.get("LOADKIT_REQUIRE_REAL") == "1":
        pytest.fail(message)
    pytest.skip(message)
