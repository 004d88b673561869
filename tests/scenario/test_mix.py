from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.binomial import binomial_bounds

from loadkit.scenario.load import load_scenario, parse_scenario
from loadkit.scenario.mix import Draws, Mix, corpus_files
from loadkit.scenario.schema import Scenario
from loadkit.smtp.message import BODY_LINE_BYTES, IdHeaders

GOOD = Path(__file__).parent / "good"
COLUMNS = ("kind", "variant", "size_bytes", "sender", "first_recipient", "recipients")


@pytest.fixture(scope="module")
def everything() -> Scenario:
    return load_scenario(GOOD / "everything.yaml")


def columns(draws: Draws) -> dict[str, list[int]]:
    return {name: getattr(draws, name).tolist() for name in COLUMNS}


@given(first=st.integers(0, 300), second=st.integers(0, 300))
@settings(max_examples=25, deadline=None)
def test_two_draws_are_one_draw_cut_in_two(first: int, second: int) -> None:
    scenario = load_scenario(GOOD / "everything.yaml")
    whole = columns(Mix(scenario).draw(first + second))
    mix = Mix(scenario)

    head, tail = columns(mix.draw(first)), columns(mix.draw(second))

    assert {name: head[name] + tail[name] for name in COLUMNS} == whole


def test_the_seed_decides(everything: Scenario) -> None:
    first, again, other = (columns(Mix(everything, seed=seed).draw(200)) for seed in (7, 7, 8))

    assert first == again == columns(Mix(everything).draw(200))
    assert all(first[name] != other[name] for name in COLUMNS)


def test_kinds_come_by_weight(everything: Scenario) -> None:
    draws = Mix(everything).draw(65_000)

    assert Mix(everything).kinds == ("order_notice", "report", "fixed", "own", "own_single")
    for weight, count in zip((3, 0.5, 1, 1, 1), np.bincount(draws.kind, minlength=5), strict=True):
        lowest, highest = binomial_bounds(65_000, weight / 6.5)
        assert lowest <= count <= highest


def test_sizes_recipients_and_variants_follow_the_kind(everything: Scenario) -> None:
    mix = Mix(everything)
    draws = mix.draw(20_000)
    notice, report, fixed, own, own_single = (draws.kind == index for index in range(5))

    assert np.median(draws.size_bytes[notice]) == pytest.approx(12 * 1024, rel=0.05)
    assert set(draws.recipients[notice].tolist()) == {1, 20}
    assert 90_000 <= draws.size_bytes[report].min() <= draws.size_bytes[report].max() <= 1_500_000
    assert (draws.recipients[report].min(), draws.recipients[report].max()) == (1, 50)
    assert set(draws.size_bytes[fixed].tolist()) == {1024, 20 * 1024}
    assert set(draws.recipients[fixed].tolist()) == {2}
    lowest, highest = binomial_bounds(int(notice.sum()), 0.9)
    assert lowest <= np.count_nonzero(draws.recipients[notice] == 1) <= highest
    lowest, highest = binomial_bounds(int(own.sum()), 0.5)
    assert lowest <= np.count_nonzero(draws.variant[own] == 0) <= highest
    assert set(draws.variant[own].tolist()) == {0, 1}
    sizes = [template.minimum_bytes for template in mix.templates[3]]
    assert draws.size_bytes[own].tolist() == [sizes[variant] for variant in draws.variant[own]]
    assert set(draws.variant[own_single].tolist()) == {0}


def test_addresses_stay_within_their_number(everything: Scenario) -> None:
    mix = Mix(everything)
    draws = mix.draw(5000)

    assert set(draws.sender.tolist()) == {0, 1, 2}
    assert 0 <= draws.first_recipient.min() <= draws.first_recipient.max() < mix.recipient_count == 500
    assert mix.sender_address(2) == "no-reply+2@example.org"
    assert mix.sender_address(3) == "no-reply+0@example.org"
    assert mix.recipient_address(499) == "staff.499@corp.example.cn"
    assert mix.recipient_address(500) == "staff.0@corp.example.cn"


def test_another_kind_does_not_change_the_draws_of_the_first() -> None:
    text = """
scenario: x
load: {stages: [{name: hold, rate: 5/s, duration: 5s}]}
messages:
  a: {size: {uniform: [1KiB, 9KiB]}}
"""
    alone = Mix(parse_scenario(text)).draw(100)
    with_another = Mix(parse_scenario(text + "  b: {size: {uniform: [1KiB, 9KiB]}}\n")).draw(100)

    of_a = with_another.size_bytes[with_another.kind == 0]
    assert 0 < len(of_a) < 100
    assert of_a.tolist() == alone.size_bytes[: len(of_a)].tolist()


@pytest.mark.parametrize(
    "ids",
    [
        IdHeaders("abcd1234", 1).lines(0, 1.7e9, 1.7e9, b"a"),
        IdHeaders("a" * 16, 10**9).lines(2**31 - 1, 9e9, 9e9, b"a" * 40),
    ],
    ids=["short", "long"],
)
def test_a_drawn_size_is_the_size_of_the_content(everything: Scenario, ids: bytes) -> None:
    mix = Mix(everything)
    draws = mix.draw(300)

    for kind, variant, size_bytes in zip(draws.kind, draws.variant, draws.size_bytes, strict=True):
        template = mix.templates[kind][variant]
        bdat = template.render_bdat(ids, int(size_bytes))
        content = bdat.partition(b"\r\n")[2]
        # An own message is not padded: its size holds room for the longest identifying headers.
        spare = 0 if template.padded else 250 - BODY_LINE_BYTES - len(ids)
        assert len(content) == size_bytes - spare


def test_a_kind_without_size_takes_1_kib_or_what_its_attachments_need() -> None:
    text = """
scenario: x
load: {stages: [{name: hold, rate: 5/s, duration: 5s}]}
messages:
  plain: {}
  carrying: {attachments: [{name: a.bin, size: 30KiB, type: application/octet-stream}]}
"""
    mix = Mix(parse_scenario(text))
    draws = mix.draw(50)

    assert set(draws.size_bytes[draws.kind == 0].tolist()) == {1024}
    carried = set(draws.size_bytes[draws.kind == 1].tolist())
    assert carried == {mix.templates[1][0].minimum_bytes}
    assert min(carried) > 30 * 1024 * 4 / 3


def test_a_corpus_is_its_eml_files_by_name() -> None:
    assert [path.name for path in corpus_files(GOOD / "corpus")] == ["first.eml", "second.eml"]
    assert corpus_files(GOOD / "corpus" / "first.eml") == [GOOD / "corpus" / "first.eml"]


def test_kinds_senders_and_recipients_are_drawn_independently(everything: Scenario) -> None:
    # The correlation of n independent pairs is below 5 / sqrt(n) with probability 1 - 6e-7.
    draws = Mix(everything).draw(40_000)
    columns = np.stack([draws.kind, draws.sender, draws.first_recipient]).astype(float)

    correlations = np.corrcoef(columns) - np.eye(3)
    assert np.abs(correlations).max() < 5 / 40_000**0.5


def test_every_sender_is_drawn_equally_often(everything: Scenario) -> None:
    lowest, highest = binomial_bounds(30_000, 1 / 3)

    counts = np.bincount(Mix(everything).draw(30_000).sender, minlength=3)

    assert lowest <= counts.min() <= counts.max() <= highest
