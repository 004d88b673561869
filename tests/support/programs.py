"""Programs that tests against real servers need."""

from __future__ import annotations

import os
import shutil

import pytest

SYSTEM_PATHS = "/usr/sbin:/usr/local/sbin"


def find_program(name: str) -> str:
    """Path of an installed program; the test is skipped, or fails under LOADKIT_REQUIRE_REAL=1, where it is missing."""
    path = shutil.which(name) or shutil.which(name, path=SYSTEM_PATHS)
    if path:
        return path
    message = f"{name} is not installed"
    if os.environ.get("LOADKIT_REQUIRE_REAL") == "1":
        pytest.fail(message)
    pytest.skip(message)
