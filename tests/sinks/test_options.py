from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadkit.errors import UsageError
from sinks.__main__ import parse
from sinks.options import Credentials, SinkOptions, Tls, command_line, read_credentials

NAMES = st.text("abcXYZ019_/.", min_size=1, max_size=12)

OPTIONS = st.builds(
    SinkOptions,
    host=NAMES,
    port=st.integers(0, 65535),
    tls=st.sampled_from(Tls),
    certificate=st.none() | NAMES.map(Path),
    auth=st.none() | NAMES,
    processes=st.integers(1, 64),
    max_size_bytes=st.integers(1, 2**40),
    ledger=st.none() | NAMES.map(Path),
    reuse_port=st.booleans(),
    stop_on_eof=st.booleans(),
    json=st.booleans(),
)


@given(OPTIONS)
def test_command_line_gives_the_options_back(options: SinkOptions) -> None:
    command = command_line(options)
    assert command[:4] == [sys.executable, "-P", "-m", "sinks"]
    assert parse(command[4:]) == options


def test_sizes_have_units() -> None:
    assert parse(["--max-size", "2MiB"]).max_size_bytes == 2 * 1024**2


def test_size_without_sense_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        parse(["--max-size", "big"])
    assert raised.value.code == 2
    assert "'big' is not a size" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"port": -1}, "port is -1"),
        ({"port": 65536}, "port is 65536"),
        ({"processes": 0}, "processes is 0"),
        ({"processes": 65}, "processes is 65"),
        ({"max_size_bytes": 0}, "max size in bytes is 0"),
    ],
)
def test_numbers_out_of_range_are_refused(change: dict[str, int], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        replace(SinkOptions(), **change)  # type: ignore[arg-type]


def test_credentials_come_from_the_environment() -> None:
    environment = {"MAIL_USER": "joe", "MAIL_PASSWORD": "pässword"}
    assert read_credentials("MAIL_USER:MAIL_PASSWORD", environment) == Credentials(b"joe", "pässword".encode())


@pytest.mark.parametrize(
    ("auth", "message"),
    [
        ("MAIL_USER", "doesn't name two"),
        ("MAIL_USER:", "doesn't name two"),
        ("A:B:C", "doesn't name two"),
        ("MAIL_USER:NOT_SET", "NOT_SET is not set"),
        ("MAIL_USER:EMPTY", "EMPTY is not set"),
    ],
)
def test_missing_credentials_are_refused(auth: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_credentials(auth, {"MAIL_USER": "joe", "EMPTY": ""})


def test_credentials_are_not_shown() -> None:
    assert "secret" not in repr(Credentials(b"joe", b"secret"))
