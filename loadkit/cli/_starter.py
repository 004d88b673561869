"""The scenario that `loadkit init` writes: one to change, that says what each line is for."""

from __future__ import annotations

STARTER = """\
# What to send and when. `loadkit check {file}` says it in words, or everything that is wrong with it.
scenario: {name}
description: Change me.
seed: 1                            # the same seed sends the same messages at the same times

target:
  # Without a target the bundled sink takes the mail. Load only servers that you may load.
  # url: smtp://127.0.0.1:2525     # smtps:// is TLS from the start, lmtp:// is for a mail store
  # allow: [mail.staging.example]  # hosts besides this machine have to be named
  tls: none                        # or starttls
  # auth: {{mechanism: plain, username_env: SMTP_USERNAME, password_env: SMTP_PASSWORD}}

sessions:
  max: 50                          # connections at most
  messages_per_session: 20         # then a connection is closed and another opened
  # retry: {{attempts: 3, delay: 30s}}   # what to do after a reply that says "not now"

load:
  arrivals: poisson                # at random; or even, or {{gamma: {{dispersion: 4}}}} for bursts
  stages:                          # due times do not wait for the server
    - {{name: warm-up, rate: 5/s, duration: 10s, measure: false}}
    - {{name: rise, to: 50/s, duration: 20s}}
    - {{name: hold, rate: 50/s, duration: 1m}}

messages:                          # kinds of messages; weights are shares
  letter:
    weight: 9
    subject: "A test message"
    size: {{lognormal: {{median: 12KiB, p95: 60KiB, max: 1MiB}}}}
    recipients: 1
  newsletter:
    weight: 1
    size: 40KiB
    recipients: {{uniform: [10, 50]}}

# Nobody gets test mail by mistake: other domains than reserved ones have to be listed in recipients.allow.
senders: {{local_part: sender, domain: example.com, count: 10}}
recipients: {{local_part: user, domain: example.com, count: 10000}}

thresholds:                        # the run passes if all hold
  transaction_failed: ["rate < 0.1%"]
  arrivals_dropped: ["count == 0"]
  transaction_duration: ["p(95) < 1s"]
"""


def starter_text(name: str, file: str) -> str:
    """The scenario's text.

    Args:
        name: Name of the scenario.
        file: Its file, as it is named in commands.
    """
    return STARTER.format(name=name, file=file)
