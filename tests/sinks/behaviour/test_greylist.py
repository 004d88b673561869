from __future__ import annotations

import pytest
from support.behaviour import START, behave, send

from sinks.behaviour import Behaviour

YAML = "greylist: {delay: 60s, window: 1h, keep: 1d}"
HOUR_S, DAY_S = 3600.0, 86_400.0


def tries(behaviour: Behaviour, *at_s: float) -> list[str]:
    """Codes of the same recipient, tried at these times by connections of one source."""
    return [send(behaviour.visit("192.0.2.1"), START + time_s)[1] for time_s in at_s]


@pytest.mark.parametrize(
    ("at_s", "codes"),
    [
        ((0, 59.999, 60), ["451", "451", ""]),
        ((0, HOUR_S), ["451", ""]),
        ((0, HOUR_S + 0.001, HOUR_S + 61), ["451", "451", ""]),  # too late is as new
        ((0, 30, 60), ["451", "451", ""]),  # an early retry does not begin anew
        ((0, 60, 60 + DAY_S, 60 + 2 * DAY_S), ["451", "", "", ""]),  # each use keeps it known
        ((0, 60, 60.001 + DAY_S), ["451", "", "451"]),
    ],
)
def test_the_edges_of_the_window(at_s: tuple[float, ...], codes: list[str]) -> None:
    assert tries(behave(YAML), *at_s) == codes


def test_source_sender_and_recipient_are_known_together() -> None:
    behaviour = behave(YAML)
    tries(behaviour, 0, 60)
    now = START + 61

    assert send(behaviour.visit("192.0.2.1"), now)[1] == ""
    assert send(behaviour.visit("192.0.2.2"), now)[1] == "451"
    assert send(behaviour.visit("192.0.2.1"), now, sender=b"other@a.test")[1] == "451"
    assert send(behaviour.visit("192.0.2.1"), now, recipients=(b"other@b.test",))[1] == "451"


def test_letters_of_another_case_are_the_same_address() -> None:
    behaviour = behave(YAML)
    tries(behaviour, 0)

    assert send(behaviour.visit("192.0.2.1"), START + 60, sender=b"S@A.test", recipients=(b"R@B.TEST",))[1] == ""


def test_each_recipient_is_judged_on_its_own() -> None:
    behaviour = behave(YAML)
    tries(behaviour, 0)

    codes = send(behaviour.visit("192.0.2.1"), START + 60, recipients=(b"new@b.test", b"r@b.test"))

    assert codes == ["", "451", "", "", ""]
    assert behaviour.counts == {("rcpt", "451"): 2}


def test_many_strangers_make_it_forget_but_not_grow() -> None:
    behaviour = behave(YAML)
    visit = behaviour.visit("192.0.2.1")
    strangers = tuple(b"%d@b.test" % number for number in range(1000))

    assert set(send(visit, recipients=strangers)[1:1001]) == {"451"}
    assert set(send(visit, START + 60, recipients=strangers)[1:1001]) == {""}
