"""A scenario in plain words: what would be sent, when, where to, and what must hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from loadkit.errors import TargetError
from loadkit.scenario.arrivals import schedule_of
from loadkit.scenario.calendar import campaign_timetable
from loadkit.scenario.campaign_words import campaign_lines, stage_lines
from loadkit.scenario.channels import SMTP
from loadkit.scenario.guardrails import check_target
from loadkit.scenario.mix import DEFAULT_SIZE, build_templates, minimum_sizes
from loadkit.scenario.quantities import exact_ratio
from loadkit.units import format_duration, format_rate, format_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadkit.scenario.curve import Curve
    from loadkit.scenario.kinds import MessageKind
    from loadkit.scenario.schema import Scenario
    from loadkit.scenario.stages import Stage


@dataclass(frozen=True, slots=True)
class Kind:
    """What a kind's messages are like on average.

    Args:
        name: The kind.
        share: Its share of all messages.
        mean_bytes: Expected size of the content.
        most_bytes: Largest size of the content.
        mean_recipients: Expected number of recipients.
        most_recipients: Largest number of recipients.
        subject: Its subject, or where its content comes from.
        traits: What is notable of its content.
    """

    name: str
    share: float
    mean_bytes: float
    most_bytes: int
    mean_recipients: float
    most_recipients: int
    subject: str
    traits: tuple[str, ...] = ()


def describe(scenario: Scenario) -> str:
    """Several lines of plain words about a scenario."""
    kinds = kinds_of(scenario)
    lines = [f"Scenario {scenario.name}, seed {scenario.seed}."]
    lines += scenario.description.strip().splitlines()
    lines += ["", *_timing(scenario), *_volume(scenario, kinds), "", "Messages:"]
    lines += [_kind_line(kind) for kind in kinds]
    lines += [
        "",
        *_addresses(scenario),
        *_target(scenario),
        *_channels(scenario),
        *_sessions(scenario),
        *_delivery(scenario),
    ]
    lines += ["", *_thresholds(scenario)]
    notes = list(_notes(scenario))
    if notes:
        lines += ["", *notes]
    return "\n".join(lines) + "\n"


def expected_messages(scenario: Scenario) -> float | None:
    """How many messages the load asks for, or None where only time bounds a closed loop."""
    load = scenario.load
    return schedule_of(scenario).expected_arrivals if load.open_loop else load.messages


def _timing(scenario: Scenario) -> Iterator[str]:
    load = scenario.load
    if load.open_loop:
        if scenario.campaign is not None:
            yield from campaign_lines(scenario.campaign, campaign_timetable(scenario.campaign))
        schedule = schedule_of(scenario)
        duration_s, count = schedule.duration_s, schedule.expected_arrivals
        yield f"Arrivals follow a schedule ({load.arrivals.process.words}), whatever the target does."
        yield (
            f"About {count:,.0f} messages in {format_duration(duration_s)}: {format_rate(count / duration_s)} on "
            f"average, {format_rate(schedule.peak_per_s)} at the peak."
        )
        if load.scale is not None:
            yield f"Rates are scaled to {exact_ratio(load.scale)} of what is written."
        if scenario.campaign is not None:
            yield from stage_lines(scenario.timetable)
            return
        for span, stage, curve in zip(schedule.stages, load.stages, load.curves, strict=True):
            messages = "" if stage.shape is None else f", about {curve.area:,.0f} messages"
            warm_up = "" if span.measured else ", not measured"
            rate = f"{_rate_words(stage, curve)} for {format_duration(curve.duration_s)}"
            yield f"  {span.name}: {rate}{messages}{warm_up}"
    elif load.duration_s is not None:
        warm_up = f" after a warm-up of {format_duration(load.warm_up_s)}" if load.warm_up_s else ""
        yield (
            f"{load.sessions} sessions, each sending its next message as soon as the last is done, "
            f"for {format_duration(load.duration_s)}{warm_up}."
        )
    else:
        yield f"{load.messages:,} messages shared by {load.sessions} sessions, as fast as the target takes them."


def _rate_words(stage: Stage, curve: Curve) -> str:
    if stage.shape is not None:
        return stage.shape.words
    if stage.rate_per_s is not None:
        return format_rate(stage.rate_per_s)
    return f"{format_rate(float(curve.levels[0]))} to {format_rate(curve.final_per_s)}"


def _volume(scenario: Scenario, kinds: list[Kind]) -> Iterator[str]:
    mean_bytes = sum(kind.share * kind.mean_bytes for kind in kinds)
    mean_recipients = sum(kind.share * kind.mean_recipients for kind in kinds)
    count = expected_messages(scenario)
    if count is None:
        yield f"A message has {format_size(mean_bytes)} and {mean_recipients:.3g} recipients on average."
    else:
        yield f"In all about {format_size(count * mean_bytes)} of content to {count * mean_recipients:,.0f} recipients."


def kinds_of(scenario: Scenario) -> list[Kind]:
    """What each kind's messages are like, in the scenario's order."""
    total_weight = sum(kind.weight for kind in scenario.messages.values())
    return [_kind(name, kind, kind.weight / total_weight, scenario) for name, kind in scenario.messages.items()]


def _kind(name: str, kind: MessageKind, share: float, scenario: Scenario) -> Kind:
    minimums = minimum_sizes(kind, build_templates(kind, scenario.correspondents))
    size = kind.size or DEFAULT_SIZE
    subject = f'"{kind.subject}"'
    if kind.channel != SMTP:
        subject = f"by {scenario.channels[kind.channel].protocol} through {kind.channel}"
    if not kind.padded:
        mean_bytes, most_bytes = float(np.mean(minimums)), max(minimums)
    else:
        mean_bytes, most_bytes = max(size.mean, minimums[0]), max(size.most, minimums[0])
    if kind.corpus is not None:
        subject = f"{len(minimums)} own message{'s' if len(minimums) > 1 else ''} from {kind.corpus.name}"
    recipients = kind.recipients
    return Kind(name, share, mean_bytes, most_bytes, recipients.mean, recipients.most, subject, tuple(_traits(kind)))


def _traits(kind: MessageKind) -> Iterator[str]:
    if kind.html is not None:
        yield "text and HTML" if kind.body is not None else "HTML"
    for attachment in kind.attachments:
        if attachment.folder is not None:
            files = len(attachment.files())
            yield f"one of {files} files from {attachment.folder.name}" if files > 1 else "one file"
    if kind.unique:
        yield "no two alike"
    signature = kind.signature
    if signature is not None and signature.dkim is not None:
        yield "signed by DKIM" if signature.dkim.real else "with the form of a DKIM signature"
    if signature is not None and signature.smime_bytes is not None:
        yield f"with {format_size(signature.smime_bytes)} in the form of an S/MIME signature"
    if kind.utf8:
        yield "headers in UTF-8"


def _kind_line(kind: Kind) -> str:
    recipients = f"{kind.mean_recipients:.3g} recipient{'s' if kind.mean_recipients != 1 else ''}"
    size = format_size(kind.mean_bytes)
    if kind.most_bytes > kind.mean_bytes:
        size += f" on average (at most {format_size(kind.most_bytes)})"
    return f"  {kind.name}: {100 * kind.share:.3g} % of messages, {size}, {recipients}, " + ", ".join(
        (kind.subject, *kind.traits)
    )


def _addresses(scenario: Scenario) -> Iterator[str]:
    senders, recipients = scenario.senders, scenario.recipients
    yield (
        f"From {senders.count:,} senders at {senders.domain} to {recipients.count:,} recipients at {recipients.domain}."
    )


def _target(scenario: Scenario) -> Iterator[str]:
    target, address = scenario.target, scenario.target.address
    if address is None:
        profile = f", which behaves like {target.sink_profile}" if target.sink_profile is not None else ""
        yield f"The target is named when it is run; without one, the bundled sink{profile}."
        return
    tls = "TLS from the start" if address.implicit_tls else {"starttls": "STARTTLS", "none": "no TLS"}[target.tls]
    if target.tls_minimum != "1.2":
        tls += f" (TLS {target.tls_minimum} or newer)"
    login = f", login by {target.auth.mechanism}" if target.auth else ""
    yield f"Target {address}: {tls}{login}."
    try:
        check_target(address, target.allow)
    except TargetError as error:
        yield f"  It would be refused: {error.hint}."


def _channels(scenario: Scenario) -> Iterator[str]:
    for name, channel in scenario.channels.items():
        endpoint = channel.endpoint
        where = endpoint.url or "the bundled sink"
        yield f"Channel {name}: {channel.protocol} to {where}, at most {endpoint.connections} connections."
        if channel.left_out:
            yield f"  It is left out: {channel.left_out}."
        try:
            channel.check_allowed(scenario.target.allow)
        except TargetError as error:
            yield f"  It would be refused: {error.hint}."


def _sessions(scenario: Scenario) -> Iterator[str]:
    sessions, load = scenario.sessions, scenario.load
    most = sessions.max if load.sessions is None else load.sessions
    per_session = sessions.messages_per_session
    limit = "no limit of messages" if per_session is None else f"{per_session.mean:.3g} messages on average"
    yield f"At most {most} sessions at once, {limit} in each."
    if sessions.stop_after != "dot":
        yield f"Conversations stop after {sessions.stop_after}: nothing is delivered."


def _delivery(scenario: Scenario) -> Iterator[str]:
    delivery = scenario.delivery
    if delivery.sinks:
        yield f"What arrives is asked of {', '.join(delivery.sinks)}."
        yield (
            "After the load the run waits for what was accepted, as long as something arrives "
            f"every {format_duration(delivery.drain_s)}."
        )


def _thresholds(scenario: Scenario) -> Iterator[str]:
    thresholds = scenario.threshold_list()
    if not thresholds:
        yield "No thresholds: the run passes if it is valid."
        return
    yield "It passes if:"
    for threshold in thresholds:
        abort = ""
        if threshold.abort_on_fail:
            abort = f" (stops the run if not, from {format_duration(threshold.delay_s)} on)"
        yield f"  {threshold}{abort}"


def _notes(scenario: Scenario) -> Iterator[str]:
    """What should be known before it is run."""
    events = () if scenario.campaign is None else scenario.campaign.events
    shapes = (*(stage.shape for stage in scenario.load.stages), *(event.shape for event in events))
    for note in dict.fromkeys(note for shape in shapes if shape is not None for note in shape.notes):
        yield f"Note: {note}"
