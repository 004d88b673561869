"""A hand-written locustfile: readers of a newsletter, each with a connection of its own.

Run it with the plain locust command against any SMTP server on this machine::

    loadkit sink --port 2525
    locust -f examples/newsletter.py --headless -u 50 -H smtp://127.0.0.1:2525
"""

from __future__ import annotations

from email.message import EmailMessage

from locust import between, task

from loadkit import SmtpUser


class Newsletter(SmtpUser):
    """Sends an issue of the newsletter, and now and then a confirmation."""

    wait_time = between(0.5, 1.5)

    @task(9)
    def issue(self) -> None:
        """An issue, as bytes."""
        self.client.send(
            sender="news@example.com",
            recipients=["reader@example.com"],
            body=b"Subject: This week\r\n\r\nNothing new, and all of it important.\r\n",
            name="issue",
        )

    @task(1)
    def confirmation(self) -> None:
        """A confirmation, as a message of the standard library."""
        message = EmailMessage()
        message["From"] = "news@example.com"
        message["To"] = "reader@example.com"
        message["Subject"] = "Please confirm"
        message.set_content("Press the button.")
        self.client.send(message, name="confirmation")
