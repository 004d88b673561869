"""Fixtures for every test: a running sink, scripted servers, a certificate."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Protocol

import pytest
from hypothesis import settings
from support.scripted import Script, ScriptedServer
from support.sink import RunningSink, running_sink

from sinks.certificate import write_certificate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


# CI has minutes: HYPOTHESIS_PROFILE=thorough looks further, wherever a test does not say itself how far.
# How long an example takes says more of the machine than of the code.
settings.register_profile("quick", max_examples=25, deadline=None)
settings.register_profile("thorough", max_examples=1000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


class StartScripted(Protocol):
    """Starts a scripted server; it stops at the end of the test."""

    def __call__(self, *scripts: Script, implicit_tls: Path | None = None) -> ScriptedServer: ...


def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Keep Locust out of the tests' own process, which it would patch."""
    assert "locust" not in sys.modules, f"{item.nodeid} imported locust: run it in a process of its own"


@pytest.fixture
def sink() -> Iterator[RunningSink]:
    """A plain sink of this test's own."""
    with running_sink() as running:
        yield running


@pytest.fixture
def scripted() -> Iterator[StartScripted]:
    """``scripted(script, ...)`` starts a server that plays one script per connection, the last one for all further."""
    with ExitStack() as servers:

        def start(*scripts: Script, implicit_tls: Path | None = None) -> ScriptedServer:
            return servers.enter_context(ScriptedServer(*scripts, implicit_tls=implicit_tls))

        yield start


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and self-signed certificate for localhost, 127.0.0.1 and ::1."""
    return write_certificate(tmp_path_factory.mktemp("certificate"))
