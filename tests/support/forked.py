"""Commands of loadkit and its sinks in processes of their own, started at little cost by a fork server.

They are what ``python -m loadkit`` and ``python -m sinks`` are, but for the start of Python and its imports. So are the
sinks, workers and looks at a target that they start themselves, whose parent is then a fork server and not they.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import threading
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
        return _Popen(command, **options)
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


def started_by(pid: int) -> dict[int, list[str]]:
    """What a forked process had started: arguments by process id, the oldest first."""
    files = sorted(_folder().glob(f"{pid}-*"), key=lambda file: file.stat().st_mtime_ns)
    return {int(file.name.partition("-")[2]): json.loads(file.read_text()) for file in files}


def adopt(servers: Mapping[str, str]) -> None:
    """In a forked process, start by fork servers what it starts.

    Args:
        servers: Their addresses, by kind.
    """
    _addresses.update(servers)
    for name in ("subprocess", "gevent.subprocess"):
        if name in sys.modules:
            sys.modules[name].Popen = start  # type: ignore[attr-defined]


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


# As they are before gevent patches them, in a process that does.
_Popen, _Socket = subprocess.Popen, socket.socket
_pids: set[int] = set()
_addresses: dict[str, str] = {}
_lock = threading.Lock()


@cache
def _folder() -> Path:
    """Where the fork servers of these tests listen, and what they started is noted."""
    if _addresses:
        return Path(next(iter(_addresses.values()))).parent
    folder = tempfile.TemporaryDirectory(prefix="loadkit-forks-")
    atexit.register(folder.cleanup)
    return Path(folder.name)


def _address(kind: str) -> str:
    """Where the fork server of a kind listens; starts it if it does not run."""
    with _lock:
        if kind not in _addresses:
            path = str(_folder() / kind)
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
                listener.bind(path)
                listener.listen(64)
                _start_server(kind, listener.fileno())
            _addresses[kind] = path
    return _addresses[kind]


def _start_server(kind: str, listener: int) -> None:
    process = _Popen(
        [sys.executable, "-P", str(_PROGRAM), kind, str(listener)],
        cwd=_ROOT,
        env=environment() | {"OPENBLAS_NUM_THREADS": "1"},  # a process forks well while it has one thread
        pass_fds=[listener],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,  # which nobody writes to
    )
    _pids.add(process.pid)
    atexit.register(process.communicate)


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
            "servers": {each: _address(each) for each in fork_server.PRELOADED},
        }
        super().__init__(command, **options)

    def _execute_child(self, *parts: Any) -> None:
        """Start it; `Popen` calls this with all that it was told, its pipes at the places 10 to 15."""
        pipes = parts[10:16]
        stdin, _, _, stdout, _, stderr = pipes
        streams = [number if pipe == -1 else pipe for number, pipe in enumerate((stdin, stdout, stderr))]
        self._server = _Socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self._server.connect(_address(self._kind))
            socket.send_fds(self._server, [json.dumps(self._told).encode()], streams)
        finally:
            self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]
        self.pid = self._hear()
        self._child_created = True
        (_folder() / f"{os.getpid()}-{self.pid}").write_text(json.dumps(self._told["arguments"]))

    def _hear(self) -> int:
        heard = self._server.recv(fork_server.REPORT.size)
        if not heard:
            raise RuntimeError(f"the fork server {self._kind} is gone")
        return int(fork_server.REPORT.unpack(heard)[0])

    def _try_wait(self, flags: int) -> tuple[int, int]:
        """Its process id and wait status, or zeros while it runs; waits for its end unless told not to."""
        ended, _, _ = select.select([self._server], [], [], 0 if flags else None)
        if not ended:
            return 0, 0
        with self._server:
            return self.pid, self._hear()

    def _internal_poll(self, *_: Any, **__: Any) -> int | None:
        """Its exit code, or None while it runs."""
        with self._waitpid_lock:  # type: ignore[attr-defined]
            if self.returncode is None:
                pid, status = self._try_wait(os.WNOHANG)
                if pid:
                    self._handle_exitstatus(status)  # type: ignore[attr-defined]
        return self.returncode
