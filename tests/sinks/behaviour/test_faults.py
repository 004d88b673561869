from __future__ import annotations

import pytest
from support.behaviour import START, behave, code
from support.binomial import binomial_bounds

from loadkit.smtp.outcome import Phase
from sinks.answers import Answer, Ending
from sinks.behaviour.memory import Memory


def met(yaml: str, phase: Phase, size_bytes: int = 0, seq: int | None = None) -> Answer | None:
    """The answer at one step of a conversation with sender s@a.test and recipients r@b.test, r@c.test."""
    visit = behave(yaml).visit("192.0.2.1")
    if phase in (Phase.BANNER, Phase.EHLO, Phase.AUTH):
        return visit.meet(phase, START)
    answer = visit.meet(Phase.MAIL, START, argument=b"S@a.test", size_bytes=size_bytes)
    if phase is Phase.MAIL:
        return answer
    answer = visit.meet(Phase.RCPT, START, argument=b"R@B.test")
    if phase is Phase.RCPT:
        return answer
    visit.meet(Phase.RCPT, START, argument=b"r@c.test")
    return visit.meet(phase, START, size_bytes=size_bytes, seq=seq)


@pytest.mark.parametrize("phase", ["banner", "ehlo", "auth", "mail", "rcpt", "data", "dot"])
def test_a_fault_applies_at_its_step_and_no_other(phase: str) -> None:
    yaml = f"faults: [{{phase: {phase}, do: reset}}]"
    steps = [Phase.BANNER, Phase.EHLO, Phase.AUTH, Phase.MAIL, Phase.RCPT, Phase.DATA, Phase.DOT]

    assert [step for step in steps if met(yaml, step) is not None] == [phase]


@pytest.mark.parametrize(
    ("phase", "do", "answer"),
    [
        ("rcpt", 'reply: "450 4.2.0 no"', Answer(reply=b"450 4.2.0 no\r\n")),
        ("rcpt", 'reply: "421 4.2.0 no"', Answer(reply=b"421 4.2.0 no\r\n", ending=Ending.CLOSE)),
        ("rcpt", 'reply: "550 5.7.1 {source}"', Answer(reply=b"550 5.7.1 192.0.2.1\r\n")),
        ("dot", "slow_reply: 2s", Answer(drip_s=2.0)),
        ("data", "slow_read: 5ms", Answer(read_pause_s=0.005)),
        ("dot", "act: close", Answer(reply=b"", ending=Ending.CLOSE)),
        ("dot", "act: reset", Answer(reply=b"", ending=Ending.RESET)),
        ("dot", "act: half_close", Answer(reply=b"", ending=Ending.HALF_CLOSE)),
        ("dot", "act: hang", Answer(reply=b"", ending=Ending.HANG)),
        ("dot", "act: lose", Answer(copies=0)),
        ("dot", "act: double", Answer(copies=2)),
    ],
)
def test_what_a_fault_does(phase: str, do: str, answer: Answer) -> None:
    assert met(f"faults: [{{phase: {phase}, do: {{{do}}}}}]", Phase(phase)) == answer


def test_garbage_is_no_reply_and_the_same_for_the_same_seed() -> None:
    yaml = "faults: [{phase: dot, do: garbage}]"

    first, again = met(yaml, Phase.DOT), met(yaml, Phase.DOT)

    assert first == again
    assert first is not None
    assert first.reply is not None
    assert len(first.reply) > 40
    assert first.reply[0] == 0xFF
    assert first.reply.endswith(b"\r\n")


@pytest.mark.parametrize(
    ("phase", "when", "applies"),
    [
        ("rcpt", 'recipient: "*@b.test"', True),
        ("rcpt", 'recipient: "R@B.TEST"', True),
        ("rcpt", 'recipient: "*@c.test"', False),
        ("rcpt", 'recipient: "@b.test"', False),
        ("dot", 'recipient: "*@c.test"', True),
        ("data", 'recipient: "*@d.test"', False),
        ("rcpt", "domain: b.test", True),
        ("rcpt", "domain: test", False),
        ("rcpt", 'domain: "?.test"', True),
        ("dot", "domain: c.test", True),
        ("mail", "sender: s@a.test", True),
        ("dot", "sender: s@a.test", True),
        ("dot", "sender: x@a.test", False),
        ("mail", "larger_than: 999B", True),
        ("mail", "larger_than: 1000B", False),
        ("dot", "larger_than: 999B", True),
        ("dot", "larger_than: 1kB", False),
        ("dot", "sequence: [3, 17]", True),
        ("dot", "sequence: [3, 18]", False),
        ("dot", "sequence: [17], larger_than: 1MB", False),
        ("dot", "sequence: [17], larger_than: 1B, sender: s@a.test, domain: b.test", True),
    ],
)
def test_when_a_fault_applies(phase: str, when: str, applies: bool) -> None:
    answer = met(f"faults: [{{phase: {phase}, when: {{{when}}}, do: close}}]", Phase(phase), size_bytes=1000, seq=17)

    assert (answer is not None) is applies


def test_a_message_without_a_sequence_number_is_not_in_a_sequence() -> None:
    assert met("faults: [{phase: dot, when: {sequence: [0]}, do: close}]", Phase.DOT) is None


def test_a_refused_recipient_is_not_in_the_message() -> None:
    visit = behave(
        "faults:\n"
        '  - {phase: rcpt, when: {domain: b.test}, do: {reply: "550 5.1.1 no"}}\n'
        "  - {phase: dot, when: {domain: b.test}, do: lose}"
    ).visit("::1")
    visit.meet(Phase.MAIL, START)

    assert code(visit.meet(Phase.RCPT, START, argument=b"r@b.test")) == "550"
    assert visit.meet(Phase.RCPT, START, argument=b"r@c.test") is None
    assert visit.meet(Phase.DOT, START) is None


def test_the_envelope_is_forgotten() -> None:
    visit = behave("faults: [{phase: dot, when: {domain: b.test}, do: lose}]").visit("::1")
    visit.meet(Phase.MAIL, START)
    visit.meet(Phase.RCPT, START, argument=b"r@b.test")

    visit.reset()

    assert visit.meet(Phase.DOT, START) is None


def test_mail_begins_a_new_envelope() -> None:
    visit = behave("faults: [{phase: dot, when: {domain: b.test}, do: lose}]").visit("::1")
    for recipient in (b"r@b.test", b"r@c.test"):
        visit.meet(Phase.MAIL, START)
        visit.meet(Phase.RCPT, START, argument=recipient)

    assert visit.meet(Phase.DOT, START) is None


def applied(when: str, steps: int, seed: int = 1) -> list[int]:
    """Numbers from 1 of the steps at which a fault applied."""
    visit = behave(f"faults: [{{phase: rcpt, when: {{{when}}}, do: {{reply: 450 4.2.0 no}}}}]", seed=seed).visit("::1")
    return [
        number
        for number in range(1, steps + 1)
        if visit.meet(Phase.RCPT, START, argument=b"%d@b%d.test" % (number, number % 2)) is not None
    ]


def test_the_nth_and_every_nth() -> None:
    assert applied("nth: 3", 20) == [3]
    assert applied("every: 4", 13) == [4, 8, 12]


def test_only_steps_count_at_which_the_rest_holds() -> None:
    assert applied("every: 3, domain: b0.test", 20) == [6, 12, 18]


@pytest.mark.parametrize("percent", [0.1, 1, 50])
def test_a_fault_comes_as_often_as_its_probability_says(percent: float) -> None:
    low, high = binomial_bounds(20_000, percent / 100)

    assert low <= len(applied(f"probability: {percent}%", 20_000)) <= high


def test_every_other_step_half_of_the_time() -> None:
    hits = applied("every: 2, probability: 50%", 4000)
    low, high = binomial_bounds(2000, 0.5)

    assert low <= len(hits) <= high
    assert all(number % 2 == 0 for number in hits)


def test_the_first_fault_that_applies_decides() -> None:
    yaml = (
        "faults:\n"
        '  - {phase: rcpt, when: {nth: 2}, do: {reply: "451 4.3.0 first"}}\n'
        '  - {phase: rcpt, when: {every: 1}, do: {reply: "452 4.3.1 second"}}'
    )
    visit = behave(yaml).visit("::1")

    codes = [code(visit.meet(Phase.RCPT, START, argument=b"r@b.test")) for _ in range(3)]

    assert codes == ["452", "451", "452"]


def test_another_fault_in_the_same_place_counts_anew() -> None:
    memory = Memory()
    answers = []
    for code_of_fault in (450, 451):
        yaml = f"faults: [{{phase: rcpt, when: {{nth: 2}}, do: {{reply: {code_of_fault} 4.2.0 no}}}}]"
        visit = behave(yaml, memory).visit("::1")
        answers += [code(visit.meet(Phase.RCPT, START)) for _ in range(2)]

    assert answers == ["", "450", "", "451"]
