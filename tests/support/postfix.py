"""A real Postfix with its own configuration and queue, relaying everything to a sink."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from support.programs import find_program, need_root
from support.waiting import wait_until

from sinks.certificate import write_certificate

if TYPE_CHECKING:
    from collections.abc import Iterator

START_TIMEOUT_S = 20.0
MOST_S = 600

_QUEUES = (
    *("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming"),
    *("maildrop", "private", "public", "saved", "trace"),
)

_QUEUED = re.compile(r"postfix/qmgr\[\d+\]: (\w+): from=<.+\(queue active\)")
_STATUS = re.compile(r"postfix/smtp\[\d+\]: (\w+): to=.*status=(\w+)")

_MASTER = """\
127.0.0.1:{port} inet n - n - {processes} smtpd
pickup    unix n - n 60 1 pickup
cleanup   unix n - n - 0 cleanup
qmgr      unix n - n 300 1 qmgr
tlsmgr    unix - - n 1000? 1 tlsmgr
rewrite   unix - - n - - trivial-rewrite
bounce    unix - - n - 0 bounce
defer     unix - - n - 0 bounce
trace     unix - - n - 0 bounce
proxymap  unix - - n - - proxymap
smtp      unix - - n - {processes} smtp
relay     unix - - n - {processes} smtp
showq     unix n - n - - showq
error     unix - - n - - error
retry     unix - - n - - error
discard   unix - - n - - discard
anvil     unix - - n - 1 anvil
scache    unix - - n - 1 scache
postlog   unix-dgram n - n - 1 postlogd
"""


@dataclass(frozen=True, slots=True)
class RunningPostfix:
    """A Postfix that listens on loopback.

    Args:
        host: Address to send to.
        port: Port to send to.
        folder: Folder with configuration, queue and log.
        certificate: Its certificate for STARTTLS.
    """

    host: str
    port: int
    folder: Path
    certificate: Path

    @property
    def log(self) -> str:
        """Everything logged so far."""
        file = self.folder / "log" / "mail.log"
        return file.read_text(errors="replace") if file.exists() else ""

    def accepted(self) -> set[str]:
        """Queue ids of the messages it took responsibility for."""
        return {match[1] for match in _QUEUED.finditer(self.log)}

    def delivered(self) -> set[str]:
        """Queue ids that have a recipient whom the sink took."""
        return {match[1] for match in _STATUS.finditer(self.log) if match[2] == "sent"}

    def deferred(self) -> set[str]:
        """Queue ids that have a recipient to be tried again."""
        return {match[1] for match in _STATUS.finditer(self.log) if match[2] == "deferred"}

    def queued(self) -> int:
        """Messages in its queue now."""
        return sum(
            len(files)
            for name in ("incoming", "active", "deferred")
            for *_, files in os.walk(self.folder / "queue" / name)
        )

    def wait_until_delivered(self, count: int, timeout_s: float = 30.0) -> None:
        """Wait until that many messages went to the sink and the queue is empty."""
        wait_until(
            lambda: len(self.delivered()) >= count and not self.queued(),
            f"{count} messages delivered",
            timeout_s,
            poll_s=0.05,
        )


@contextmanager
def running_postfix(
    relay_host: str, relay_port: int, *, processes: int = 50, **settings: str
) -> Iterator[RunningPostfix]:
    """Run a Postfix that takes mail for every domain from loopback, offers STARTTLS and relays to one host.

    Args:
        relay_host: Address of the sink.
        relay_port: Port of the sink.
        processes: How many clients it serves, and connections it opens to the sink, at a time.
        settings: Further settings of ``main.cf``, or other values for those set here.
    """
    daemons = subprocess.check_output([find_program("postconf"), "-dh", "daemon_directory"], text=True).strip()
    need_root("Postfix starts")
    folder = Path(tempfile.mkdtemp(prefix="loadkit-postfix-"))
    folder.chmod(0o755)
    try:
        server = _install(folder, f"[{relay_host}]:{relay_port}", processes, settings)
        # Not "postfix start", which checks the whole installation first. Should the tests be killed, it ends by itself.
        master = subprocess.Popen([f"{daemons}/master", "-c", str(folder / "etc"), "-e", str(MOST_S)])
        try:
            wait_until(lambda: master.poll() is not None or _greets(server), "Postfix greets", START_TIMEOUT_S)
            assert master.poll() is None, f"Postfix ended with {master.returncode}:\n{server.log}"
            yield server
        finally:
            master.terminate()
            master.wait(START_TIMEOUT_S)
    finally:
        shutil.rmtree(folder)


def _install(folder: Path, relay: str, processes: int, settings: dict[str, str]) -> RunningPostfix:
    """Write configuration and folders."""
    for name in ("etc", "queue", "queue/pid", "log"):
        (folder / name).mkdir()
    for name in ("data", *(f"queue/{queue}" for queue in _QUEUES)):
        (folder / name).mkdir()
        shutil.chown(folder / name, "postfix")
    server = RunningPostfix("127.0.0.1", free_port(), folder, write_certificate(folder / "etc"))
    values = {**_settings(server, relay), **settings}
    (folder / "etc" / "main.cf").write_text("".join(f"{name} = {value}\n" for name, value in values.items()))
    # Every Postfix process waits until main.cf is two seconds old, lest it reads half of it.
    os.utime(folder / "etc" / "main.cf", (0, 0))
    (folder / "etc" / "master.cf").write_text(_MASTER.format(port=server.port, processes=processes))
    return server


def _settings(server: RunningPostfix, relay: str) -> dict[str, str]:
    """Settings: nothing is looked up outside, nothing is limited, recipients of one message travel together."""
    return {
        "compatibility_level": "3.6",
        "queue_directory": str(server.folder / "queue"),
        "data_directory": str(server.folder / "data"),
        "maillog_file": str(server.folder / "log" / "mail.log"),
        "maillog_file_prefixes": str(server.folder),
        "myhostname": "relay.test",
        "mydestination": "",
        "alias_maps": "",
        "local_recipient_maps": "",
        "inet_interfaces": "127.0.0.1",
        "inet_protocols": "ipv4",
        "mynetworks": "127.0.0.0/8",
        "smtpd_relay_restrictions": "permit_mynetworks, reject",
        "smtpd_peername_lookup": "no",
        "smtpd_client_event_limit_exceptions": "127.0.0.0/8",
        "smtpd_tls_chain_files": str(server.certificate),
        "smtpd_tls_security_level": "may",
        "in_flow_delay": "0",
        "message_size_limit": str(30 * 1024**2),
        "relayhost": relay,
        "smtp_dns_support_level": "disabled",
        "smtp_host_lookup": "native",
        "smtp_tls_security_level": "none",
        "smtp_destination_recipient_limit": "1000",
        "smtp_destination_concurrency_limit": "50",
        "queue_run_delay": "1s",
        "minimal_backoff_time": "1s",
        "maximal_backoff_time": "2s",
        "notify_classes": "",
    }


def free_port() -> int:
    """A port of loopback that was free a moment ago, for programs that can't choose one themselves."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _greets(server: RunningPostfix) -> bool:
    try:
        with socket.create_connection((server.host, server.port), timeout=1) as client:
            return client.recv(4) == b"220 "
    except OSError:
        return False
