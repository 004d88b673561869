"""The mix of messages: seeded draws of kind, size, sender and recipients, and the templates that they fill."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from loadkit.scenario.channels import MIN_PAYLOAD_BYTES, SMTP
from loadkit.scenario.content import check_keys, personal_templates, subject_findings, transfer_findings
from loadkit.scenario.distributions import Constant, Distribution, Integers, choose
from loadkit.scenario.findings import Finding
from loadkit.scenario.guardrails import ascii_domain
from loadkit.scenario.quantities import MAX_SIZE_BYTES
from loadkit.scenario.texts import MAX_CORPUS_FILES
from loadkit.smtp.fields import parse_text
from loadkit.smtp.message import Template
from loadkit.units import format_size

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from loadkit.scenario.schema import MessageKind, Scenario
    from loadkit.smtp.fields import Correspondents
    from loadkit.smtp.personal import PersonalTemplate

DEFAULT_SIZE = Constant(1024)


@dataclass(frozen=True, slots=True)
class Draws:
    """What the next messages are; one element per message.

    Args:
        kind: Index into `Mix.kinds`.
        variant: Index into the kind's templates.
        size_bytes: Size of the whole content.
        sender: Index of the sender's address.
        first_recipient: Index of the first recipient's address; the others follow it, the last is followed by 0.
        recipients: How many recipients.
    """

    kind: Integers
    variant: Integers
    size_bytes: Integers
    sender: Integers
    first_recipient: Integers
    recipients: Integers

    def __len__(self) -> int:
        return len(self.kind)


@dataclass(frozen=True, slots=True)
class _KindStream:
    """One kind's own randomness, so that its draws do not depend on how many the other kinds take."""

    size: Distribution
    recipients: Distribution
    least_bytes: Integers
    """Smallest size of each variant; a smaller draw becomes this."""
    fixed: bool
    """Whether each variant has exactly its smallest size."""
    size_random: np.random.Generator
    recipients_random: np.random.Generator
    variant_random: np.random.Generator

    def draw(self, count: int) -> tuple[Integers, Integers, Integers]:
        """Variants, sizes in bytes and numbers of recipients."""
        variants = self.variant_random.integers(len(self.least_bytes), size=count, dtype=np.int64)
        sizes = self.least_bytes[variants]
        if not self.fixed:
            sizes = np.maximum(self.size.sample(self.size_random, count), sizes)
        return variants, sizes, self.recipients.sample(self.recipients_random, count)


class Mix:
    """A scenario's endless, seeded stream of messages.

    Drawing 100 and then 100 gives the same as drawing 200.

    Args:
        scenario: The scenario.
        seed: Seed of the stream; the scenario's own if None.

    Attributes:
        kinds: Names of the message kinds, in file order.
        templates: The templates of each kind; several only for a corpus, or for files that messages take turns with.

    Raises:
        UsageError: If the environment lacks a key.
    """

    def __init__(self, scenario: Scenario, *, seed: int | None = None) -> None:
        check_keys(scenario.messages.values())
        people = scenario.correspondents
        self.kinds = tuple(scenario.messages)
        self.templates = tuple(build_templates(kind, people) for kind in scenario.messages.values())
        self._senders = people.sender
        self._recipients = people.recipient
        self._weights = tuple(kind.weight for kind in scenario.messages.values())
        root = np.random.SeedSequence(scenario.seed if seed is None else seed)
        shared, *per_kind = root.spawn(1 + len(self.kinds))
        self._kind_random, self._sender_random, self._recipient_random = _generators(shared)
        self._streams = tuple(
            _stream(kind, templates, sequence)
            for kind, templates, sequence in zip(scenario.messages.values(), self.templates, per_kind, strict=True)
        )

    def draw(self, count: int) -> Draws:
        """The next messages."""
        kind = choose(self._kind_random, self._weights, count)
        variant, size_bytes, recipients = (np.empty(count, dtype=np.int64) for _ in range(3))
        for index, stream in enumerate(self._streams):
            of_kind = kind == index
            variant[of_kind], size_bytes[of_kind], recipients[of_kind] = stream.draw(int(of_kind.sum()))
        return Draws(
            kind=kind,
            variant=variant,
            size_bytes=size_bytes,
            sender=self._sender_random.integers(self._senders.count, size=count, dtype=np.int64),
            first_recipient=self._recipient_random.integers(self._recipients.count, size=count, dtype=np.int64),
            recipients=recipients,
        )

    @property
    def recipient_count(self) -> int:
        """How many recipient addresses there are."""
        return self._recipients.count

    def sender_address(self, index: int) -> str:
        """The address of a sender, modulo their number."""
        return self._senders.at(index)

    def recipient_address(self, index: int) -> str:
        """The address of a recipient, modulo their number."""
        return self._recipients.at(index)


def build_templates(kind: MessageKind, people: Correspondents) -> tuple[Template | PersonalTemplate, ...]:
    """The templates of a kind: one, or one for each message of its corpus or file that messages take turns with.

    Raises:
        OSError: If the corpus can't be read.
        ValueError: If another file can't be read.
    """
    if kind.personal:
        return personal_templates(kind, people)
    sender_domain = ascii_domain(people.sender.domain)
    if kind.corpus is not None:
        return tuple(Template.from_eml(path.read_bytes()) for path in corpus_files(kind.corpus))
    subject = "".join(map(str, parse_text(kind.subject)))
    if kind.attachments:
        files = tuple(file for attachment in kind.attachments for file in attachment.files())
        return (Template.with_attachments(subject=subject, sender_domain=sender_domain, attachments=files),)
    return (Template.sized(subject=subject, sender_domain=sender_domain),)


def minimum_sizes(kind: MessageKind, templates: tuple[Template | PersonalTemplate, ...]) -> list[int]:
    """The smallest content of each template in bytes; what goes by another channel than SMTP is no mail."""
    return [template.minimum_bytes if kind.channel == SMTP else MIN_PAYLOAD_BYTES for template in templates]


def corpus_files(corpus: Path) -> list[Path]:
    """The messages of a corpus by name: the file itself, or the .eml files of the directory."""
    return sorted(corpus.glob("*.eml"))[:MAX_CORPUS_FILES] if corpus.is_dir() else [corpus]


def content_findings(scenario: Scenario) -> Iterator[Finding]:
    """Kinds whose content can't be made as told: a size below what the fixed parts need, or an unreadable corpus."""
    for name, kind in scenario.messages.items():
        for finding in _kind_findings(kind, scenario.correspondents):
            yield Finding(finding.message, ("messages", name, *finding.key), finding.fix)


def _kind_findings(kind: MessageKind, people: Correspondents) -> Iterator[Finding]:
    try:
        findings = list(transfer_findings(kind, people))
        templates = _bounded_templates(kind, people)
    except OSError as error:
        yield Finding(f"can't be read: {error.strerror}", ("corpus",))
        return
    except ValueError as error:
        yield Finding(str(error))
        return
    yield from findings
    yield from subject_findings(kind, templates)
    # The smallest content that every template can make.
    least_bytes = max(minimum_sizes(kind, templates))
    if kind.size is not None and kind.size.least < least_bytes:
        text = ", text" if kind.body is not None or kind.html is not None else ""
        message = f"{format_size(kind.size.least)} is too small for headers{text} and attachments"
        yield Finding(message, ("size",), f"at least {least_bytes}B")


def _bounded_templates(kind: MessageKind, people: Correspondents) -> tuple[Template | PersonalTemplate, ...]:
    """The templates of a kind, unless its corpus is larger than memory is meant to hold."""
    if kind.corpus is not None:
        total_bytes = sum(path.stat().st_size for path in corpus_files(kind.corpus))
        if total_bytes > MAX_SIZE_BYTES:
            raise OSError(0, f"it has {format_size(total_bytes)}, more than {format_size(MAX_SIZE_BYTES)}")
    return build_templates(kind, people)


def _stream(
    kind: MessageKind, templates: tuple[Template | PersonalTemplate, ...], sequence: np.random.SeedSequence
) -> _KindStream:
    size_random, recipients_random, variant_random = _generators(sequence)
    return _KindStream(
        size=kind.size or DEFAULT_SIZE,
        recipients=kind.recipients,
        least_bytes=np.array(minimum_sizes(kind, templates), dtype=np.int64),
        fixed=not kind.padded,
        size_random=size_random,
        recipients_random=recipients_random,
        variant_random=variant_random,
    )


def _generators(sequence: np.random.SeedSequence) -> tuple[np.random.Generator, ...]:
    return tuple(np.random.default_rng(child) for child in sequence.spawn(3))
