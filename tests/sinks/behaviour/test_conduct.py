from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support.behaviour import START, behave, code, send

from loadkit.smtp.outcome import Phase
from sinks.answers import Answer, Ending
from sinks.behaviour import Behaviour
from sinks.behaviour.memory import Memory
from sinks.behaviour.profile import load_profile, profile_names

ROOT = Path(__file__).parents[3]
STEPS = (Phase.BANNER, Phase.EHLO, Phase.AUTH, Phase.MAIL, Phase.RCPT, Phase.DATA, Phase.DOT)


def conversation(behaviour: Behaviour, messages: int) -> list[Answer | None]:
    """The answers to messages on connections of one message each, one every 5 ms."""
    answers: list[Answer | None] = []
    for number in range(messages):
        visit, now = behaviour.visit("192.0.2.1"), START + number / 200
        recipient = b"%d@example.com" % number
        answers += [visit.meet(step, now, argument=recipient, size_bytes=1000, seq=number) for step in STEPS]
        visit.leave()
    return answers


def test_a_profile_without_rules_answers_nothing() -> None:
    behaviour = behave("")

    assert set(conversation(behaviour, 10)) == {None}
    assert behaviour.counts == {}
    assert behaviour.max_size_bytes is None
    assert behaviour.outage(START) is None


@pytest.mark.parametrize("name", profile_names())
def test_the_same_seed_and_events_give_the_same_answers(name: str) -> None:
    behaviours = [Behaviour(load_profile(name), Memory(), now=START) for _ in range(2)]

    first, second = (conversation(behaviour, 1000) for behaviour in behaviours)

    assert first == second
    assert behaviours[0].counts == behaviours[1].counts


@pytest.mark.parametrize("name", ["flaky", "slow", "station", "hostile"])
def test_each_process_has_random_numbers_of_its_own(name: str) -> None:
    profile = load_profile(name)

    first, second = (conversation(Behaviour(profile, Memory(), now=START, index=index), 2000) for index in range(2))

    assert first != second


@pytest.mark.parametrize("name", profile_names())
def test_counts_are_what_was_answered(name: str) -> None:
    behaviour = Behaviour(load_profile(name), Memory(), now=START)

    answers = [answer for answer in conversation(behaviour, 2000) if answer is not None]

    delayed = sum(answer.delay_s > 0 for answer in answers)
    replies = [code(answer) for answer in answers if code(answer).isdecimal()]
    counted = {what: sum(n for (_, w), n in behaviour.counts.items() if w == what) for _, what in behaviour.counts}
    assert counted.get("delay", 0) == delayed
    assert {what: n for what, n in counted.items() if what.isdecimal()} == {c: replies.count(c) for c in replies}
    assert all(answer.ending is Ending.CLOSE for answer in answers if code(answer) == "421")


def test_every_step_takes_its_time() -> None:
    times = {step: number / 1000 for number, step in enumerate(STEPS, start=1)}
    behaviour = behave("service:\n" + "".join(f"  {step}: {time_s * 1000:g}ms\n" for step, time_s in times.items()))

    answers = conversation(behaviour, 1)

    assert answers == [Answer(delay_s=time_s) for time_s in times.values()]


def test_a_refusal_takes_the_time_of_its_step_too() -> None:
    visit = behave('service: {rcpt: 20ms}\nfaults: [{phase: rcpt, do: {reply: "421 4.3.2 no"}}]').visit("::1")

    answer = visit.meet(Phase.RCPT, START, argument=b"r@b.test")

    assert answer == Answer(reply=b"421 4.3.2 no\r\n", delay_s=0.02, ending=Ending.CLOSE)


def test_a_station_is_one_queue_for_all_connections() -> None:
    behaviour = behave("service: {dot: {station: {servers: 1, time: 1s, queue: 2, reply: '452 4.3.1 full, {source}'}}}")

    answers = [behaviour.visit(f"192.0.2.{number}").meet(Phase.DOT, START) for number in range(4)]

    assert [answer and answer.delay_s for answer in answers] == [1.0, 2.0, 3.0, 0.0]
    assert [code(answer) for answer in answers] == ["", "", "", "452"]
    assert answers[3] == Answer(reply=b"452 4.3.1 full, 192.0.2.3\r\n")
    assert behaviour.counts == {("dot", "delay"): 3, ("dot", "452"): 1}


def test_rules_come_in_their_order() -> None:
    """Of a brown-out, a limit, greylisting and a fault that all apply, each decides once those before it don't."""
    yaml = (
        'outages: [{at: 0s, for: 10s, kind: brown_out, failing: 100%, reply: "451 4.3.2 brown-out"}]\n'
        'limits: {per_source: {messages: 2/min}, replies: {messages: "450 4.7.1 limit"}}\n'
        'faults: [{phase: mail, do: {reply: "452 4.3.1 fault"}}, {phase: rcpt, do: {reply: "550 5.1.1 fault"}}]\n'
        "greylist: {delay: 1m}\n"
    )
    visit = behave(yaml).visit("::1")

    codes = [send(visit, START + at_s)[:2] for at_s in (0, 10, 75, 76, 77)]

    assert codes == [["451", "451"], ["452", "451"], ["452", "550"], ["452", "550"], ["450", "550"]]


def test_a_refusal_by_brown_out_does_not_count_towards_limits() -> None:
    yaml = "outages: [{at: 0s, for: 10s, kind: brown_out, failing: 100%}]\nlimits: {per_source: {messages: 1/min}}"
    visit = behave(yaml).visit("::1")

    assert [send(visit, START + at_s)[0] for at_s in (0, 1, 10, 11)] == ["451", "451", "", "450"]


COUNT = """
import sys
from pathlib import Path
from loadkit.smtp.outcome import Phase
from sinks.behaviour import Behaviour
from sinks.behaviour.memory import Memory
from sinks.behaviour.profile import parse_profile
profile = parse_profile("profile: x\\nlimits: {per_source: {messages: 700/min}}\\n"
                        "faults: [{phase: dot, when: {every: 100}, do: lose}]", "x")
visit = Behaviour(profile, Memory.shared(Path(sys.argv[1])), now=0.0).visit("::1")
sys.stdin.readline()
print(sum(visit.meet(Phase.MAIL, 5.0) is None for _ in range(500)),
      sum(visit.meet(Phase.DOT, 5.0) is not None for _ in range(500)))
"""


def test_processes_that_share_a_memory_keep_limits_and_turns_together(tmp_path: Path) -> None:
    pipe = subprocess.PIPE
    processes = [
        subprocess.Popen([sys.executable, "-c", COUNT, tmp_path / "m"], cwd=ROOT, stdin=pipe, stdout=pipe, text=True)
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    taken, lost = zip(*(map(int, process.communicate(timeout=30)[0].split()) for process in processes), strict=True)

    assert (sum(taken), sum(lost)) == (700, 10)
