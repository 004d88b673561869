"""Sentences with numbers in them, told in another language."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from loadkit.report import run_sentences
from loadkit.report.retelling import retell, retell_parts
from loadkit.report.run_sentences import OF_CURVES, OF_DIAGNOSIS, OF_LADDERS, OF_VALIDITY
from loadkit.report.words import Words

ROOT = Path(__file__).parents[2]
CHINESE, ENGLISH = Words("zh"), Words()
COMPOSED = {
    "by far before ",
    "the clock of worker ",
    "the most throughput lies beyond the highest concurrency that was measured",
    "the most throughput may lie beyond the highest concurrency that was measured",
}
"""What is put together of pieces."""
FORMS = sorted({*OF_VALIDITY, *OF_DIAGNOSIS, *OF_LADDERS, *OF_CURVES})


@pytest.mark.parametrize(
    ("text", "sentences", "told"),
    [
        ("p99 schedule lag 26.5ms", OF_VALIDITY, "计划迟滞 p99 为 26.5ms"),
        ("at most 5% in stalls above 50ms", OF_VALIDITY, "超过 50ms 的停顿至多占 5%"),
        ("process 2: p99 schedule lag 1s", OF_VALIDITY, "进程 2:计划迟滞 p99 为 1s"),
        ("its AICc is the least, by far before power", OF_CURVES, "其 AICc 最小,远优于 power"),
        ("it would narrow the curve at 96 most, to 62% of its standard error", OF_CURVES, "曲线在 96 处的值"),
        ("interrupted: it was interrupted", OF_LADDERS, "已中断:被中断"),
        ("nobody knows this one", OF_CURVES, "nobody knows this one"),
    ],
)
def test_a_sentence_keeps_its_numbers(text: str, sentences: tuple[str, ...], told: str) -> None:
    wide = str.maketrans(",:", "\uff0c\uff1a")
    shown = retell(text, sentences, CHINESE)
    assert told.translate(wide) in shown or shown == told
    assert sorted(re.findall(r"\d+", shown)) == sorted(re.findall(r"\d+", text))
    assert retell(text, sentences, ENGLISH) == text


def test_each_part_of_what_was_seen_is_told() -> None:
    seen = "44 of 6,012 messages (0.73%); 3 sessions ended by the server"
    assert re.findall(r"[\d,]+\d|\d", retell_parts(seen, OF_DIAGNOSIS, CHINESE)) == ["6,012", "44", "0", "73", "3"]
    assert retell_parts(seen, OF_DIAGNOSIS, ENGLISH) == seen


def test_forms_are_those_of_the_sentences_that_are_made() -> None:
    made = [
        node.value
        for package in ("measure", "analysis", "cli")
        for file in (ROOT / "loadkit" / package).glob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    parts = {
        part
        for form in FORMS
        for piece in re.split(r"\{\w+\}", form)
        for part in re.split("[;,:] ", piece)
        if len(part) > 9
    }
    assert len(parts) > 60
    assert sorted(part for part in parts - COMPOSED if not any(part.strip(" ,()") in one for one in made)) == []


def test_every_tuple_of_forms_is_tried() -> None:
    names = {name for name in vars(run_sentences) if name.startswith("OF_")}
    assert names == {"OF_VALIDITY", "OF_DIAGNOSIS", "OF_LADDERS", "OF_CURVES"}
