"""The times at the start of log lines: of syslog, of ISO 8601, and the year that syslog leaves out."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
Truths = npt.NDArray[np.bool_]

NO_TIME = -1
"""In place of a time that can't be read."""

_WIDTH = 19  # of 2026-11-24 16:00:01
_LINES_AT_A_TIME = 16_384  # a file of line ends only must not fill the memory
_ZERO, _SPACE, _COLON, _DASH = (ord(character) for character in "0 :-")
_SYSLOG_MARKS = ((3, _SPACE), (6, _SPACE), (9, _COLON), (12, _COLON))
_ISO_MARKS = ((4, _DASH), (7, _DASH), (13, _COLON), (16, _COLON))
_DAY_S = 86_400
_YEAR_TURN_MONTHS = 6  # a month that is this much lower than the one before it is in the next year
_GRACE_S = _DAY_S  # the writer may be ahead by its time zone

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH_CODES = np.array([int.from_bytes(month.encode(), "big") for month in _MONTHS])
_BY_CODE = np.argsort(_MONTH_CODES)
_SORTED_CODES = _MONTH_CODES[_BY_CODE]


class Clock:
    """Reads the times of one file's lines, in seconds since 1970 of the clock on the writer's wall.

    Args:
        modified_s: When the file was written last: no line is from a later year.

    Notes:
        A time without a year gets the latest year in which the file's first line is not after the file's last change.
        From there on, a step from the end of a year to its start is the turn of the year.
    """

    def __init__(self, modified_s: float) -> None:
        self._modified_s = modified_s
        self._year: int | None = None
        self._month = 0

    def read(self, data: Bytes, starts: Integers) -> Integers:
        """The time of each line, `NO_TIME` where it has none.

        Args:
            data: The bytes of whole lines.
            starts: Where the lines start, in their order.
        """
        times = np.full(len(starts), NO_TIME, dtype=np.int64)
        for first in range(0, len(starts), _LINES_AT_A_TIME):
            piece = starts[first : first + _LINES_AT_A_TIME]
            window = data.take(piece + np.arange(_WIDTH)[:, None], mode="clip")
            times[first : first + _LINES_AT_A_TIME] = self._read(window)
        return times

    def _read(self, window: Bytes) -> Integers:
        iso = np.logical_and.reduce([window[place] == byte for place, byte in _ISO_MARKS])
        syslog = np.logical_and.reduce([window[place] == byte for place, byte in _SYSLOG_MARKS])
        times = np.full(len(iso), NO_TIME, dtype=np.int64)
        if iso.any():
            times[iso] = _iso_times(window[:, iso])
        if syslog.any():
            times[syslog] = self._syslog_times(window[:, syslog])
        return times

    def _syslog_times(self, window: Bytes) -> Integers:
        code = (window[0].astype(np.int64) << 16) | (window[1].astype(np.int64) << 8) | window[2]
        place = np.minimum(np.searchsorted(_SORTED_CODES, code), len(_MONTHS) - 1)
        known: Truths = _SORTED_CODES[place] == code
        padded = np.where(window[4:6] == _SPACE, np.uint8(_ZERO), window[4:6])
        day, day_known = _number(padded)
        second, second_known = _second_of_day(window[7:15])
        known = known & day_known & second_known
        month = _BY_CODE[place] + 1
        times = np.full(len(code), NO_TIME, dtype=np.int64)
        if known.any():
            years = self._years(month[known], int(day[known][0]))
            times[known] = _seconds(years, month[known], day[known], second[known])
        return times

    def _years(self, months: Integers, first_day: int) -> Integers:
        if self._year is None:
            self._year, self._month = self._first_year(int(months[0]), first_day), int(months[0])
        steps = np.diff(months, prepend=self._month)
        turns = (steps <= -_YEAR_TURN_MONTHS).astype(np.int64) - (steps >= _YEAR_TURN_MONTHS)
        years = self._year + np.cumsum(turns)
        self._year, self._month = int(years[-1]), int(months[-1])
        return years

    def _first_year(self, month: int, day: int) -> int:
        last = datetime.fromtimestamp(self._modified_s + _GRACE_S, UTC)
        return last.year - int((month, day) > (last.month, last.day))


def looks_timed(data: Bytes, starts: Integers) -> Truths:
    """Which lines begin with something of the form of a time, whether or not there is such a time."""
    timed = _marked(data, starts, _SYSLOG_MARKS)
    others = np.flatnonzero(~timed)
    timed[others] = _marked(data, starts[others], _ISO_MARKS)
    return timed


def show_time(second: int) -> str:
    """A time for people, to the minute: ``2026-11-24 16:00``."""
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%d %H:%M}"


def _marked(data: Bytes, starts: Integers, marks: tuple[tuple[int, int], ...]) -> Truths:
    marked: Truths = np.ones(len(starts), dtype=np.bool_)
    for place, byte in marks:
        marked &= data.take(starts + place, mode="clip") == byte
    return marked


def _iso_times(window: Bytes) -> Integers:
    year, year_known = _number(window[0:4])
    month, month_known = _number(window[5:7])
    day, day_known = _number(window[8:10])
    second, second_known = _second_of_day(window[11:19])
    known = year_known & month_known & day_known & second_known & (year >= 1970) & (month >= 1) & (month <= 12)  # noqa: PLR2004 - a calendar's
    times = np.full(len(year), NO_TIME, dtype=np.int64)
    times[known] = _seconds(year[known], month[known], day[known], second[known])
    return times


def _second_of_day(window: Bytes) -> tuple[Integers, Truths]:
    hour, hour_known = _number(window[0:2])
    minute, minute_known = _number(window[3:5])
    second, second_known = _number(window[6:8])
    known = hour_known & minute_known & second_known & (hour < 24) & (minute < 60) & (second <= 60)  # noqa: PLR2004 - a clock's
    return hour * 3600 + minute * 60 + second, known


def _number(digits: Bytes) -> tuple[Integers, Truths]:
    values = digits.astype(np.int64) - _ZERO
    known: Truths = np.logical_and.reduce((values >= 0) & (values <= 9))  # noqa: PLR2004 - a digit's
    powers = 10 ** np.arange(len(values) - 1, -1, -1)
    return powers @ values, known


def _seconds(year: Integers, month: Integers, day: Integers, second: Integers) -> Integers:
    months = (year - 1970) * 12 + month - 1
    first = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    following = (months + 1).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    right = (day >= 1) & (day <= following - first)
    times: Integers = np.where(right, (first + day - 1) * _DAY_S + second, NO_TIME)
    return times
