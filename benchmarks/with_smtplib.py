"""Sends messages with Locust and smtplib: ``with_smtplib.py PORT MESSAGES SESSIONS SIZE``."""

from __future__ import annotations

import smtplib
import sys

import gevent
from locust import User, task
from locust.env import Environment
from locust.exception import StopUser

PORT, MESSAGES, SESSIONS, SIZE_BYTES = map(int, sys.argv[1:5])
CONTENT = b"Subject: x\r\n\r\n" + b"x" * (SIZE_BYTES - 16) + b"\r\n"


class Sender(User):  # type: ignore[misc]
    """One kept connection, one request event a message."""

    def on_start(self) -> None:
        """Connect."""
        self.left = MESSAGES // SESSIONS
        self.client = smtplib.SMTP("127.0.0.1", PORT)

    @task
    def send(self) -> None:
        """Send one message."""
        if not self.left:
            self.client.quit()
            raise StopUser
        self.left -= 1
        with self.environment.events.request.measure("SMTP", "message"):
            self.client.sendmail("a@example.com", ["b@example.com"], CONTENT)


environment = Environment(user_classes=[Sender])
runner = environment.create_local_runner()
runner.start(SESSIONS, spawn_rate=SESSIONS)
while runner.user_count < SESSIONS:
    gevent.sleep(0.01)
while runner.user_count:
    gevent.sleep(0.05)
runner.quit()
