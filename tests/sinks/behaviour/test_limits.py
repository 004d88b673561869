from __future__ import annotations

import pytest
from support.behaviour import START, behave, code, send

from loadkit.smtp.outcome import Phase
from sinks.answers import Ending
from sinks.behaviour.memory import Memory


def connect(behaviour: object, source: str = "192.0.2.1", now: float = START) -> str:
    from sinks.behaviour import Behaviour

    assert isinstance(behaviour, Behaviour)
    return code(behaviour.visit(source).meet(Phase.BANNER, now))


def test_connections_are_limited_to_the_edge_of_the_window() -> None:
    behaviour = behave("limits: {per_source: {connections: 3/min}}")

    codes = [connect(behaviour, now=START + at_s) for at_s in (0, 10, 59, 59.5, 59.999, 60, 61, 62, 63)]

    assert codes == ["", "", "", "421", "421", "", "", "", "421"]


def test_each_source_has_its_own_window() -> None:
    behaviour = behave("limits: {per_source: {connections: 1/min}}")

    assert [connect(behaviour, source) for source in ("::1", "::2", "::1", "::2")] == ["", "", "421", "421"]


def test_all_sources_share_the_total() -> None:
    behaviour = behave("limits: {total: {connections: 2/s}}")

    assert [connect(behaviour, source) for source in ("::1", "::2", "::3")] == ["", "", "421"]


def test_what_one_source_has_too_many_of_does_not_count_for_all() -> None:
    behaviour = behave("limits: {per_source: {connections: 1/min}, total: {connections: 2/min}}")

    codes = [connect(behaviour, source) for source in ("::1", "::1", "::1", "::2", "::3")]

    assert codes == ["", "421", "421", "", "421"]


def test_a_limit_tells_the_source_who_it_is_and_closes() -> None:
    behaviour = behave("limits: {total: {connections: 1/min}}")
    connect(behaviour)

    answer = behaviour.visit("192.0.2.9").meet(Phase.BANNER, START)

    assert answer is not None
    assert answer.reply == b"421 4.7.0 sink.test Error: too many connections from 192.0.2.9\r\n"
    assert answer.ending is Ending.CLOSE


@pytest.mark.parametrize("scope", ["per_source", "total"])
def test_concurrent_connections_are_limited_and_make_room_as_they_leave(scope: str) -> None:
    behaviour = behave(f"limits: {{{scope}: {{concurrent: 2}}}}")
    visits = [behaviour.visit("::1") for _ in range(3)]

    codes = [code(visit.meet(Phase.BANNER, START)) for visit in visits]
    visits[2].leave()
    visits[0].leave()
    visits[0].leave()

    assert codes == ["", "", "421"]
    assert [connect(behaviour, "::1") for _ in range(2)] == ["", "421"]


def test_a_connection_refused_by_the_total_does_not_count_for_its_source() -> None:
    behaviour = behave("limits: {per_source: {concurrent: 1}, total: {concurrent: 1}}")
    first, second = behaviour.visit("::1"), behaviour.visit("::2")

    assert [code(visit.meet(Phase.BANNER, START)) for visit in (first, second)] == ["", "421"]
    first.leave()
    assert connect(behaviour, "::2") == ""


def test_a_connection_refused_by_rate_does_not_count_as_open() -> None:
    behaviour = behave("limits: {per_source: {connections: 1/min, concurrent: 1}}")
    first = behaviour.visit("::1")
    first.meet(Phase.BANNER, START)
    connect(behaviour, "::1")
    first.leave()

    assert connect(behaviour, "::1", START + 60) == ""


def test_messages_are_limited_across_connections() -> None:
    behaviour = behave("limits: {per_source: {messages: 3/min}}")
    first, second = behaviour.visit("::1"), behaviour.visit("::1")

    codes = [send(visit, START + at_s)[0] for visit, at_s in ((first, 0), (second, 1), (first, 2), (second, 3))]

    assert codes == ["", "", "", "450"]
    assert send(second, START + 60)[0] == ""


def test_messages_on_one_connection_are_limited() -> None:
    behaviour = behave("limits: {messages_per_connection: 2}")
    visit = behaviour.visit("::1")

    assert [send(visit)[0] for _ in range(3)] == ["", "", "421"]
    assert send(behaviour.visit("::1"))[0] == ""


def test_recipients_of_a_message_are_limited_and_refused_ones_are_free() -> None:
    behaviour = behave(
        "limits: {recipients_per_message: 2}\n"
        'faults: [{phase: rcpt, when: {domain: no.test}, do: {reply: "550 5.1.1 no"}}]'
    )
    visit = behaviour.visit("::1")
    recipients = (b"a@no.test", b"b@b.test", b"c@b.test", b"d@b.test")

    assert send(visit, recipients=recipients)[1:5] == ["550", "", "", "452"]
    assert send(visit, recipients=recipients)[1:5] == ["550", "", "", "452"]


def test_recipients_are_limited_where_nothing_else_is() -> None:
    visit = behave("limits: {recipients_per_message: 2}").visit("::1")

    assert send(visit, recipients=(b"a@b", b"c@b", b"d@b"))[1:4] == ["", "", "452"]


@pytest.mark.parametrize(("size_bytes", "reply"), [(30_000_000, ""), (30_000_001, "552")])
def test_size_is_limited_as_declared_and_as_sent(size_bytes: int, reply: str) -> None:
    behaviour = behave("limits: {size: 30MB}")
    visit = behaviour.visit("::1")

    assert behaviour.max_size_bytes == 30_000_000
    assert code(visit.meet(Phase.MAIL, START, size_bytes=size_bytes)) == reply
    assert code(visit.meet(Phase.DOT, START, size_bytes=size_bytes)) == reply


def test_the_texts_can_be_given() -> None:
    behaviour = behave(
        'limits: {per_source: {messages: 1/min}, replies: {messages: "451 4.7.500 Server busy ({source})"}}'
    )
    visit = behaviour.visit("192.0.2.1")
    send(visit)

    answer = visit.meet(Phase.MAIL, START)

    assert answer is not None
    assert answer.reply == b"451 4.7.500 Server busy (192.0.2.1)\r\n"
    assert behaviour.counts == {("mail", "451"): 1}


def test_behaviours_with_one_memory_count_together() -> None:
    memory = Memory()
    behaviours = [behave("limits: {per_source: {messages: 5/min}}", memory, index=index) for index in range(2)]
    visits = [behaviour.visit("::1") for behaviour in behaviours]

    codes = [send(visits[number % 2])[0] for number in range(8)]

    assert codes == [""] * 5 + ["450"] * 3
