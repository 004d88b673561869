"""A process that has imported what loadkit's commands need, and forks itself for each command it is told to start.

Most of the time of a test that runs a command went into imports. `support.forked` starts this program, and processes
by it. It listens on a socket, one connection for each command: told is one packet with the command's files beside it;
answers are the child's process id and, once it has ended, its wait status. It ends with its standard input.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import random
import runpy
import select
import signal
import socket
import struct
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

# Locust has gevent replace these when it is imported; here they are needed as they are.
_fork, _waitpid, _poll, _signal, _socket = os.fork, os.waitpid, select.poll, signal.signal, socket.socket

REPORT = struct.Struct("i")
_MOST_BYTES = 2**17
_STDERR = 2

PRELOADED = {
    "drive": (
        "loadkit.cli._execute",  # first of all, as in the commands: it patches for gevent
        "loadkit.cli.app",
        "loadkit.cli._climb",
        "loadkit.cli._watchers",
        "loadkit.drive.runner",
        "loadkit.drive.worker",
        "loadkit.report.text",
        "locust.web",
        "rich.live",
    ),
    "plain": (
        "loadkit.cli.app",
        "loadkit.observe.__main__",
        "loadkit.preflight.__main__",
        "sinks.admin",
        "sinks.aiosmtpd_sink",
        "sinks.behaviour.conduct",
        "sinks.certificate",
        "sinks.fast_sink",
        "sinks.processes",
        "sinks.receivers",
        "sinks.serve",
        "uvloop",
    ),
}
"""What is imported, by kind of server: an event loop of asyncio can't run on what gevent patched."""


def serve(kind: str, descriptor: int) -> dict[str, Any] | None:
    """Start what is asked for until nobody is left to ask.

    Args:
        kind: A key of `PRELOADED`.
        descriptor: The socket that listens.

    Returns:
        In a child, the command that it is to be; None in the server, at its end.
    """
    listener = _socket(fileno=descriptor)
    for name in PRELOADED[kind]:
        importlib.import_module(name)
    _forget_event_loop()
    gc.collect()
    gc.freeze()
    woken = _wake_when_children_end()
    poll = _poll()
    for source in (0, descriptor, woken):
        poll.register(source, select.POLLIN)
    started: dict[int, Any] = {}
    while True:
        ready = [source for source, _ in poll.poll()]
        if woken in ready:
            os.read(woken, 4096)
            _report_ends(started)
        if descriptor in ready:
            # accept() would make one of gevent's sockets.
            asker = _socket(fileno=listener._accept()[0])  # type: ignore[attr-defined]
            told, files, _, _ = socket.recv_fds(asker, _MOST_BYTES, 3)
            if (child := _fork()) == 0:
                _take_streams(files, [listener, asker, *started.values()])
                return dict(json.loads(told))
            for file in files:
                os.close(file)
            started[child] = asker
            asker.send(REPORT.pack(child))
        if 0 in ready:
            return None


def _wake_when_children_end() -> int:
    """A descriptor that can be read as soon as a child has ended."""
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(woken, False)
    signal.set_wakeup_fd(wake)
    _signal(signal.SIGCHLD, lambda *_: None)
    _signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the tests
    return woken


def _report_ends(started: dict[int, Any]) -> None:
    while started:
        child, status = _waitpid(-1, os.WNOHANG)
        if not child:
            return
        with started.pop(child) as asker, suppress(BrokenPipeError):  # who started it may not want to know
            asker.send(REPORT.pack(status))


def _forget_event_loop() -> None:
    """Leave every child to make gevent's loop anew: two processes can't share one."""
    if "gevent" in sys.modules:
        from gevent import get_hub

        get_hub().destroy(destroy_loop=True)


def _take_streams(files: list[int], sockets: list[Any]) -> None:
    for one in sockets:
        one.detach()
    for number, file in enumerate(files):
        os.dup2(file, number)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    signal.set_wakeup_fd(-1)
    _signal(signal.SIGCHLD, signal.SIG_DFL)
    _signal(signal.SIGINT, signal.default_int_handler)


def run(command: dict[str, Any]) -> None:
    """Be a command, as if Python had just started.

    Args:
        command: ``module`` and ``arguments``, the folder ``cwd``, the variables ``env``, whether it gets its
            ``own_session``, and the addresses of ``servers`` that start what it starts itself.
    """
    if command["own_session"]:
        os.setsid()
    os.chdir(command["cwd"])
    os.environ.clear()
    os.environ.update(command["env"])
    time.tzset()
    random.seed()
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        stream = _reopened(number, getattr(sys, name))
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    sys.argv = [command["module"], *command["arguments"]]
    runpy.run_module(command["module"], run_name="__main__", alter_sys=True)


def _reopened(descriptor: int, like: TextIO) -> TextIO:
    """The text stream that Python makes of a descriptor at its start."""
    by_line = descriptor == _STDERR or os.isatty(descriptor)
    return open(
        descriptor,
        "w" if descriptor else "r",
        buffering=1 if by_line and descriptor else -1,
        encoding=like.encoding,
        errors=like.errors,
        closefd=False,
    )


def main() -> None:
    """Serve, and be what is asked for."""
    tests = str(Path(__file__).parents[1])
    sys.path.insert(0, tests)
    from support import forked  # before gevent patches what it uses

    sys.path.remove(tests)
    if (told := serve(sys.argv[1], int(sys.argv[2]))) is not None:
        forked.adopt(told["servers"])
        run(told)


if __name__ == "__main__":
    main()
