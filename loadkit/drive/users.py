"""Locust users: one for hand-written locustfiles, one that hosts a scenario's sender."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from locust import User, task
from locust.exception import StopUser

from loadkit.drive.build import timeouts_by_state
from loadkit.drive.client import SmtpClient
from loadkit.drive.network import resolve
from loadkit.drive.session import Wiring
from loadkit.drive.tls import client_context
from loadkit.errors import UsageError
from loadkit.scenario.guardrails import check_recipient_domain, check_target, parse_target_url
from loadkit.scenario.sessions import Timeouts
from loadkit.smtp.state import DialogueSettings

if TYPE_CHECKING:
    from locust.env import Environment

    from loadkit.drive.control import Control
    from loadkit.smtp.auth import Credentials


class SmtpUser(User):  # type: ignore[misc]
    """A Locust user that sends mail by `self.client.send`.

    The host is a URL such as ``smtp://127.0.0.1:2525``, ``smtps://`` or ``lmtp://``.
    """

    abstract = True

    allow: ClassVar[tuple[str, ...]] = ()
    """Hosts or host:port that may be sent to besides loopback."""
    allow_recipients: ClassVar[tuple[str, ...]] = ()
    """Recipient domains that may be sent to besides the reserved ones."""
    starttls: ClassVar[bool] = False
    verify: ClassVar[bool] = True
    """Whether the certificate of a target other than loopback must be valid."""
    credentials: ClassVar[Credentials | None] = None
    pipelining: ClassVar[bool] = True
    chunking: ClassVar[bool] = False
    idle_timeout_s: ClassVar[float] = 300.0

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        if not self.host:
            raise UsageError("no target", hint="give --host smtp://127.0.0.1:2525 or set host in the class")
        target = parse_target_url(self.host)
        check_target(target, self.allow)
        secured = self.starttls or target.implicit_tls
        wiring = Wiring(
            settings=DialogueSettings(
                lmtp=target.lmtp,
                starttls=self.starttls,
                credentials=self.credentials,
                pipelining=self.pipelining,
                chunking=self.chunking,
            ),
            timeouts_s=timeouts_by_state(Timeouts(), self.idle_timeout_s),
            host=target.host,
            tls=client_context(verify=self.verify and not target.loopback) if secured else None,
            implicit_tls=target.implicit_tls,
        )
        self.client = SmtpClient(
            wiring, resolve(target.host, target.port), environment.events.request.fire, self._check_recipient
        )

    def on_stop(self) -> None:
        """Say goodbye when Locust stops the user."""
        self.client.close()

    def _check_recipient(self, recipient: str) -> None:
        check_recipient_domain(recipient.rpartition("@")[2], self.allow_recipients)


class ScenarioUser(User):  # type: ignore[misc]
    """Hosts a scenario's sender: one such user per process drives all its sessions."""

    abstract = True

    control: ClassVar[Control]

    @task
    def drive(self) -> None:
        """Take the sender through the run."""
        self.control.run()
        raise StopUser
