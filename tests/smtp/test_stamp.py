"""Reading what a message says about itself."""

from __future__ import annotations

import pytest

from loadkit.smtp.stamp import Stamp, find_stamp

SENT = b"X-Loadkit-Sent: 1700000000000001 1700000000000250 news_2\r\n"
AS_SENT = (
    b"X-Loadkit-Id: testrun1.3.17\r\n" + SENT + b"Message-ID: <17.3.testrun1@loadkit.invalid>\r\n"
    b"X-Loadkit-Body: 00c0ffee\r\n"
)
WHOLE = Stamp("testrun1", 3, 17, "news_2", 1700000000000001, 1700000000000250, 0xC0FFEE)


@pytest.mark.parametrize(
    "head",
    [
        AS_SENT + b"Subject: x\r\n\r\nbody",
        b"Received: from a\r\n\tby b\r\n" + AS_SENT + b"\r\n",
        b"x-loadkit-body: 00c0ffee\r\nSubject: x\r\n" + SENT + b"X-Loadkit-Id:testrun1.3.17\r\n\r\n",
    ],
)
def test_a_whole_stamp_is_found_in_the_header(head: bytes) -> None:
    assert find_stamp(head) == WHOLE


@pytest.mark.parametrize(
    "head",
    [
        b"X-Loadkit-Id: testrun1.3.17\r\n\r\nbody",
        b"Received: from a\r\n\tby b\r\nX-Loadkit-Id: testrun1.3.17\r\nSubject: x\r\n\r\n",
        b"x-loadkit-id:testrun1.3.17 \r\n\r\n",
        b"Subject: cut\r\nX-LOADKIT-ID:\ttestrun1.3.17\r\nX-Long: " + b"x" * 5000,
    ],
)
def test_an_id_alone_is_found_in_the_header(head: bytes) -> None:
    assert find_stamp(head) == Stamp("testrun1", 3, 17)


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"Subject: none\r\n\r\n",
        b"Subject: bounce\r\n\r\nX-Loadkit-Id: testrun1.3.17\r\n\r\n",
        b"\r\n\r\nX-Loadkit-Id: testrun1.3.17\r\n",
        b"Not-X-Loadkit-Id: testrun1.3.17\r\n\r\n",
        b"X-Loadkit-Id: testrun1.3\r\n\r\n",
        b"X-Loadkit-Id: TESTRUN1.3.17\r\n\r\n",
        b"X-Loadkit-Id: testrun1.3.17.1\r\n\r\n",
        b"X-Loadkit-Id: short.3.17\r\n\r\n",
        b"X-Loadkit-Id: testrun1.3.99999999999\r\n\r\n",
    ],
)
def test_nothing_is_found_elsewhere(head: bytes) -> None:
    assert find_stamp(head) is None


def test_a_stamp_shows_as_its_id() -> None:
    assert str(WHOLE) == "testrun1.3.17"
