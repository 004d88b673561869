"""Real Exim and OpenSMTPD that relay everything to a sink, each in a world of its own.

Both insist on users of their own, and OpenSMTPD on fixed paths too. So they run in a mount namespace that shows them a
user list with these users and empty folders in the places they want; the machine itself stays as it is, and a mail
server that is installed there is not touched.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from support.postfix import free_port
from support.programs import find_program, need_root
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

START_TIMEOUT_S = 20.0
MOST_S = 600

_USERS = {"Debian-exim": 61901, "opensmtpd": 61902, "opensmtpq": 61903}
_WORLD = """\
set -e
mount --bind {folder}/etc/passwd /etc/passwd
mount --bind {folder}/etc/group /etc/group
for place in /run /var/lib /var/spool; do mount -t tmpfs -o mode=755 none $place; done
mkdir -p /var/lib/opensmtpd/empty /var/spool/smtpd
chmod 711 /var/spool/smtpd
exec "$@"
"""

_EXIM = """\
exim_path = {program}
spool_directory = {folder}/spool
log_file_path = {folder}/log/%slog
pid_file_path = {folder}/spool/exim.pid
primary_hostname = relay.test
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
host_lookup =
tls_advertise_hosts =
smtp_accept_max = 200
smtp_accept_max_per_connection = 0
smtp_accept_queue_per_connection = 0
acl_smtp_rcpt = take
acl_smtp_data = take

begin acl
take:
  accept

begin routers
relay:
  driver = manualroute
  route_list = * {relay_host}::{relay_port} byname
  self = send
  transport = sink

begin transports
sink:
  driver = smtp
  allow_localhost
  hosts_avoid_tls = *

begin retry
* * F,1h,1s
"""

_OPENSMTPD = """\
smtp limit max-mails 1000000
listen on 127.0.0.1 port {port} hostname relay.test
action "sink" relay host smtp://{relay_host}:{relay_port}
match from any for any action "sink"
"""


@dataclass(frozen=True, slots=True)
class RunningRelay:
    """A mail server that listens on loopback.

    Args:
        host: Address to send to.
        port: Port to send to.
    """

    host: str
    port: int


@contextmanager
def running_exim(relay_host: str, relay_port: int) -> Iterator[RunningRelay]:
    """Run an Exim that takes mail for every domain and relays to one host, a process for each message."""
    program = find_program("exim4")
    with _world() as folder:
        for name in ("spool", "log"):
            (folder / name).mkdir()
            os.chown(folder / name, _USERS["Debian-exim"], _USERS["Debian-exim"])
        port = free_port()
        file = folder / "exim.conf"
        file.write_text(
            _EXIM.format(program=program, folder=folder, port=port, relay_host=relay_host, relay_port=relay_port)
        )
        # A message that met a closed door waits for the next of these queue runners.
        with _running(folder, port, program, "-C", str(file), "-bdf", "-q1s") as relay:
            yield relay


@contextmanager
def running_opensmtpd(relay_host: str, relay_port: int) -> Iterator[RunningRelay]:
    """Run an OpenSMTPD that takes mail for every domain and relays to one host."""
    program = find_program("smtpd")
    with _world() as folder:
        port = free_port()
        file = folder / "smtpd.conf"
        file.write_text(_OPENSMTPD.format(port=port, relay_host=relay_host, relay_port=relay_port))
        with _running(folder, port, program, "-d", "-f", str(file)) as relay:
            yield relay


@contextmanager
def _world() -> Iterator[Path]:
    """A folder with the lists of users and groups of this machine and those that the servers want."""
    need_root("mail servers start")
    folder = Path(tempfile.mkdtemp(prefix="loadkit-relay-"))
    folder.chmod(0o755)
    try:
        (folder / "etc").mkdir()
        for name, form in (("passwd", "{0}:x:{1}:{1}::/nonexistent:/usr/sbin/nologin\n"), ("group", "{0}:x:{1}:\n")):
            known = Path("/etc", name).read_text().splitlines(keepends=True)
            others = [line for line in known if line.partition(":")[0] not in _USERS]
            (folder / "etc" / name).write_text("".join(others + [form.format(*user) for user in _USERS.items()]))
        (folder / "world.sh").write_text(_WORLD.format(folder=folder))
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def _running(folder: Path, port: int, *command: str) -> Iterator[RunningRelay]:
    # Should the tests be killed, the server ends by itself.
    world = ("unshare", "--mount", "--propagation", "private", "sh", str(folder / "world.sh"))
    with (folder / "output").open("wb") as output:
        server = subprocess.Popen(
            ("timeout", str(MOST_S), *world, *command), stdout=output, stderr=output, stdin=subprocess.DEVNULL
        )
    try:
        wait_until(lambda: server.poll() is not None or _greets(port), f"{command[0]} greets", START_TIMEOUT_S)
        said = (folder / "output").read_text(errors="replace")
        assert server.poll() is None, f"{command[0]} ended with {server.returncode}:\n{said}"
        yield RunningRelay("127.0.0.1", port)
    finally:
        server.terminate()
        server.wait(START_TIMEOUT_S)


def _greets(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
            return client.recv(4) == b"220 "
    except OSError:
        return False
