from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadkit.errors import UsageError
from sinks.behaviour.memory import BUCKETS, WAYS, Entry, Memory, mark_of

ROOT = Path(__file__).parents[3]
WINDOW_S = 60.0

MARKS = st.integers(1, 4).map(
    lambda number: number * BUCKETS + 5
)  # all in one bucket, and no more than it has room for
STEPS = st.lists(
    st.tuples(st.sampled_from(["count_within", "add", "remove"]), MARKS, st.floats(0, 50)), min_size=1, max_size=60
)


@given(STEPS)
def test_memory_is_a_dictionary_of_windows_and_counts(steps: list[tuple[str, int, float]]) -> None:
    memory, model = Memory(), dict[int, tuple[float, int]]()
    now = 0.0
    for action, mark, pause_s in steps:
        now += pause_s
        key = 2 * mark if action == "count_within" else mark  # a key is either of a window or of a count
        begin, number = model.get(key, (now, 0))
        if action == "count_within":
            model[key] = (begin, number + 1) if now < begin + WINDOW_S else (now, 1)
            assert memory.count_within(key, now, WINDOW_S) == model[key][1]
        elif action == "add":
            model[key] = (math.inf, number + 1)
            assert memory.add(key) == number + 1
        else:
            memory.remove(key)
            model.pop(key, None)
            if number > 1:
                model[key] = (math.inf, number - 1)

    for key in {key for _, mark, _ in steps for key in (mark, 2 * mark)}:
        assert memory.update(key, lambda entry: entry) == model.get(key)


def test_a_count_is_forgotten_rather_than_negative() -> None:
    memory = Memory()

    memory.remove(7)
    memory.remove(7)

    assert memory.add(7) == 1


@pytest.mark.parametrize(("later_s", "count"), [(59.999, 3), (60.0, 1), (119.0, 1)])
def test_a_window_begins_with_its_first_event_and_ends_exactly(later_s: float, count: int) -> None:
    memory = Memory()
    memory.count_within(7, 1000.0, WINDOW_S)
    memory.count_within(7, 1030.0, WINDOW_S)

    assert memory.count_within(7, 1000.0 + later_s, WINDOW_S) == count


def test_in_a_full_bucket_the_oldest_makes_room() -> None:
    memory = Memory()
    marks = [number * BUCKETS for number in range(1, WAYS + 2)]
    for place, mark in enumerate(marks[:-1]):
        memory.count_within(mark, 100.0 - place, WINDOW_S)

    memory.count_within(marks[-1], 200.0, WINDOW_S)

    kept = [mark for mark in marks if memory.update(mark, lambda entry: entry) is not None]
    assert kept == [*marks[: WAYS - 1], marks[-1]]


def test_what_goes_on_now_stays_while_others_come_and_go() -> None:
    memory = Memory()
    memory.add(BUCKETS)

    for number in range(2, 1000):
        memory.count_within(number * BUCKETS, float(number), WINDOW_S)

    assert memory.add(BUCKETS) == 2


def test_marks_keep_parts_apart_and_are_never_zero() -> None:
    assert mark_of(b"ab", b"c") != mark_of(b"a", b"bc")
    assert mark_of(b"a") == mark_of(b"a")
    assert 0 < mark_of() < 2**64


def test_memory_in_a_file_outlives_a_process(tmp_path: Path) -> None:
    Memory.shared(tmp_path / "memory").add(7)

    assert Memory.shared(tmp_path / "memory").add(7) == 2


def test_entries_survive_as_they_were(tmp_path: Path) -> None:
    memory = Memory.shared(tmp_path / "memory")

    memory.update(7, lambda _: Entry(12.25, -3))

    assert memory.update(7, lambda entry: entry) == Entry(12.25, -3)
    assert memory.update(7, lambda _: None) is None
    assert memory.update(7, lambda entry: entry) is None


def test_a_file_that_can_not_be_made_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"can't share .*memory: No such file or directory"):
        Memory.shared(tmp_path / "missing" / "memory")


COUNT = """
import sys
from pathlib import Path
from sinks.behaviour.memory import Memory
memory = Memory.shared(Path(sys.argv[1]))
sys.stdin.readline()
print(sum(memory.count_within(7, 5.0, 60.0) <= 60_000 for _ in range(40_000)))
"""


def test_two_processes_count_to_exactly_the_limit(tmp_path: Path) -> None:
    """Each of two asks 40,000 times at once; exactly 60,000 are within a limit of 60,000."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", COUNT, tmp_path / "memory"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    within = [int(process.communicate(timeout=30)[0]) for process in processes]

    assert sum(within) == 60_000
    assert Memory.shared(tmp_path / "memory").count_within(7, 5.0, 60.0) == 80_001
