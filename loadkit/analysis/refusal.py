"""Refusals: what data can't say, and the experiment that would."""

from __future__ import annotations

from loadkit.errors import ExitCode, LoadkitError


class RefusedError(LoadkitError):
    """The data can't carry the answer.

    Args:
        message: What is missing, in one sentence.
        hint: The experiment that would give it.
    """

    exit_code = ExitCode.USAGE
