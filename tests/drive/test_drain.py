"""The wait for accepted mail: when it ends, and what it tells."""

from __future__ import annotations

from time import perf_counter

import gevent
import pytest
from support.bitmaps import bitmap

from loadkit.drive import drain
from loadkit.drive.drain import Drain, Drained
from loadkit.errors import TargetError
from loadkit.measure.ledger import DeliveryLedger

ACCEPTED = 10


class Source:
    """Tells one answer after the other, and the last one for ever: how many messages have arrived, or a trouble."""

    def __init__(self, *answers: int | str, relayed: bool = True) -> None:
        self._answers = list(answers)
        self.relayed = relayed
        self.asked = 0

    def fetch(self, run_id: str) -> DeliveryLedger:
        self.asked += 1
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, str):
            raise TargetError(answer)
        ledger = DeliveryLedger(run_id, deliveries=answer)
        ledger.senders[0] = bitmap(set(range(min(answer, ACCEPTED))))
        return ledger

    def fetch_channels(self, _run_id: str) -> dict[str, DeliveryLedger]:
        return {}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drain, "POLL_S", 0.01)
    monkeypatch.setattr(drain, "SETTLE_S", 0.1)


def wait(source: Source, *, deadline_s: float = 0.3, stop_after_s: float = 60.0) -> tuple[Drained, list[int], float]:
    """How it ended, what was shown, and how long it took."""
    shown: list[int] = []
    begun = perf_counter()
    ended = Drain(
        source,
        "abcdefgh",
        {0: bitmap(set(range(ACCEPTED)))},
        deadline_s=deadline_s,
        stop=lambda: perf_counter() - begun > stop_after_s,
        show=shown.append,
    ).wait()
    return ended, shown, perf_counter() - begun


def test_it_waits_until_all_have_arrived_and_some_more_for_late_duplicates() -> None:
    ended, shown, took_s = wait(Source(3, 7, 10, 10, 11))
    assert ended.complete
    assert ended.ledger is not None
    assert ended.ledger.deliveries == 11
    assert shown[:2] == [7, 3]
    assert set(shown[2:]) == {0}
    assert took_s >= 0.1


def test_it_goes_on_as_long_as_something_arrives() -> None:
    """0.3 s without an arrival would end it; the messages come within 0.2 s of each other, over a second in all."""

    class Slow(Source):
        def fetch(self, run_id: str) -> DeliveryLedger:
            gevent.sleep(0.1)
            return super().fetch(run_id)

    ended, _, took_s = wait(Slow(*range(11)))
    assert ended.complete
    assert took_s > 1.0


def test_it_gives_up_when_nothing_arrives_any_more() -> None:
    ended, shown, took_s = wait(Source(8))
    assert (ended.complete, shown[-1]) == (False, 2)
    assert ended.ledger is not None
    assert took_s >= 0.3


def test_messages_that_come_again_and_again_do_not_hold_it_up() -> None:
    class Looping(Source):
        def fetch(self, run_id: str) -> DeliveryLedger:
            ledger = super().fetch(run_id)
            ledger.deliveries += self.asked
            return ledger

    ended, _, took_s = wait(Looping(8))
    assert not ended.complete
    ended, _, took_s = wait(Looping(10))
    assert ended.complete
    assert took_s < 10


def test_an_interrupt_ends_it_with_what_is_known() -> None:
    ended, _, took_s = wait(Source(8), deadline_s=60.0, stop_after_s=0.1)
    assert not ended.complete
    assert ended.ledger is not None
    assert took_s < 10


def test_a_sink_that_is_the_target_is_asked_once() -> None:
    source = Source(8, relayed=False)
    ended, shown, _ = wait(source)
    assert (ended.complete, source.asked, shown) == (True, 1, [])
    assert ended.ledger is not None


def test_a_sink_that_does_not_answer_for_a_while_is_asked_again() -> None:
    ended, _, _ = wait(Source("gone", 4, "gone", 10))
    assert ended.complete
    assert ended.trouble == ""


def test_a_sink_that_never_answers_is_named() -> None:
    ended, _, took_s = wait(Source("gone"))
    assert (ended.ledger, ended.complete, ended.trouble) == (None, False, "gone")
    assert took_s >= 0.3


def test_a_sink_that_hangs_does_not_hold_up_an_interrupt() -> None:
    class Hanging(Source):
        def fetch(self, run_id: str) -> DeliveryLedger:
            gevent.sleep(60)
            return super().fetch(run_id)

    ended, _, took_s = wait(Hanging(10), stop_after_s=0.1)
    assert ended.ledger is None
    assert took_s < 10
