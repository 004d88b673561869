"""The public names of the library."""

from __future__ import annotations

import subprocess
import sys

import pytest

import loadkit
from loadkit import plan


def test_every_public_name_is_there() -> None:
    for name in plan.__all__:
        assert getattr(plan, name).__name__ == name
    assert loadkit.make_plan is plan.make_plan
    with pytest.raises(AttributeError, match="has no attribute 'mak_plan'"):
        _ = plan.mak_plan


def test_importing_it_is_cheap() -> None:
    program = "import sys, loadkit.plan; print([name for name in ('numpy', 'pydantic', 'yaml') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
