"""Commands of loadkit and its sinks in processes of their own, started at little cost by a fork server.

They are what ``python -m loadkit`` and ``python -m sinks`` are, but for the start of Python and its imports.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import socket
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, AnyStr

from support import fork_server

from sinks.options import environment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PROGRAM = Path(fork_server.__file__)
_ROOT = _PROGRAM.parents[2]
_DRIVING = ("run", "blast", "capacity", "worker")
_MODULES = ("loadkit", "loadkit.observe", "loadkit.preflight", "sinks")
_FOR_PYTHON = ("PYTHON", "LANG", "LC_")


def start(command: Sequence[str], *, genuine: bool = False, **options: Any) -> Any:
    """Start a command as `subprocess.Popen` does.

    Args:
        command: What to start; a command of loadkit or its sinks is forked.
        genuine: Whether Python starts from nothing in any case.
        options: As of `subprocess.Popen`.
    """
    module, arguments = _parse(command)
    if genuine or module not in _MODULES or not _same_python(options.get("env")):
        return subprocess.Popen(command, **options)
    driving = module == "loadkit" and arguments and arguments[0] in _DRIVING
    return _Forked(command, module, arguments, "drive" if driving else "plain", **options)


def run(
    command: Sequence[str], *, timeout: float = 60.0, genuine: bool = False, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end as `subprocess.run` does, with its output as text.

    Args:
        command: As of `start`.
        timeout: Seconds after which it is killed, and the test fails.
        genuine: As of `start`.
        options: As of `subprocess.Popen`.
    """
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
    with start(command, genuine=genuine, **options) as process:
        try:
            out, err = process.communicate(timeout=timeout)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def server_pids() -> frozenset[int]:
    """Process ids of the fork servers that run."""
    return frozenset(_pids)


def _parse(command: Sequence[str]) -> tuple[str, list[str]]:
    """The module that a command runs, and its arguments; no module if it is another kind of command."""
    match list(command):
        case [sys.executable, "-P", "-m", module, *arguments] | [sys.executable, "-m", module, *arguments]:
            return module, arguments
    return "", []


def _same_python(variables: Mapping[str, str] | None) -> bool:
    """Whether Python would start with these variables as it did in the fork server."""
    if variables is None:
        return True
    own = environment()
    told = {**variables, "PYTHONPATH": own["PYTHONPATH"]} if variables.get("PYTHONPATH") in _paths() else variables
    return _for_python(told) == _for_python(own)


def _paths() -> tuple[str | None, ...]:
    return None, str(_ROOT), os.environ.get("PYTHONPATH"), environment()["PYTHONPATH"]


def _for_python(variables: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in variables.items() if name.startswith(_FOR_PYTHON)}


_pids: set[int] = set()


class _Server:
    """A running fork server; it ends with this process.

    Args:
        kind: A key of `fork_server.PRELOADED`.
    """

    def __init__(self, kind: str) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(_PROGRAM), kind, str(theirs.fileno())],
                cwd=_ROOT,
                env=environment() | {"OPENBLAS_NUM_THREADS": "1"},  # a process forks well while it has one thread
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        _pids.add(self._process.pid)
        atexit.register(self.close)

    def close(self) -> None:
        """End it; what it started goes on."""
        self._control.close()
        self._process.communicate()

    def start(self, told: bytes, streams: Sequence[int]) -> tuple[int, int]:
        """Have a command started.

        Returns:
            Its process id, and the descriptor on which its end will be reported.
        """
        reports, report = os.pipe()
        try:
            socket.send_fds(self._control, [told], [*streams, report])
        finally:
            os.close(report)
        answer = os.read(reports, fork_server.REPORT.size)
        if not answer:
            raise RuntimeError(self._process.communicate()[1].decode())
        return fork_server.REPORT.unpack(answer)[0], reports


@cache
def _server(kind: str) -> _Server:
    return _Server(kind)


class _Forked(subprocess.Popen[AnyStr]):
    """A process that a fork server started: all that `Popen` is, but for how it starts and who waits for it.

    Args:
        command: The command.
        module: The module that it runs.
        arguments: What it is told.
        kind: Which fork server starts it.
        options: As of `Popen`.
    """

    def __init__(
        self, command: Sequence[str], module: str, arguments: Sequence[str], kind: str, **options: Any
    ) -> None:
        self._kind = kind
        self._told = {
            "module": module,
            "arguments": [str(argument) for argument in arguments],
            "cwd": str(options.get("cwd") or Path.cwd()),
            "env": dict(options.get("env") or os.environ),
            "own_session": bool(options.get("start_new_session")),
        }
        super().__init__(command, **options)

    def _execute_child(self, *parts: Any) -> None:
        """Start it; `Popen` calls this with all that it was told, its pipes at the places 10 to 15."""
        pipes = parts[10:16]
        stdin, _, _, stdout, _, stderr = pipes
        streams = [number if pipe == -1 else pipe for number, pipe in enumerate((stdin, stdout, stderr))]
        try:
            self.pid, self._reports = _server(self._kind).start(json.dumps(self._told).encode(), streams)
        finally:
            self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]
        self._child_created = True

    def _try_wait(self, flags: int) -> tuple[int, int]:
        """Its process id and wait status, or zeros while it runs; waits for its end unless told not to."""
        if flags and not select.select([self._reports], [], [], 0)[0]:
            return 0, 0
        status = os.read(self._reports, fork_server.REPORT.size)
        os.close(self._reports)
        return self.pid, fork_server.REPORT.unpack(status)[0]

    def _internal_poll(self, *_: Any, **__: Any) -> int | None:
        """Its exit code, or None while it runs."""
        with self._waitpid_lock:  # type: ignore[attr-defined]
            if self.returncode is None:
                pid, status = self._try_wait(os.WNOHANG)
                if pid:
                    self._handle_exitstatus(status)  # type: ignore[attr-defined]
        return self.returncode
