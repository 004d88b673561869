"""Report pages in other languages."""

from __future__ import annotations

import re

import pytest
from babel.messages.pofile import read_po
from support.marked_texts import marked_texts

from loadkit.report.words import DOMAIN, LANGUAGES, LOCALE_DIR, Words, marked

FILE = LOCALE_DIR / "zh" / "LC_MESSAGES" / f"{DOMAIN}.po"


@pytest.fixture(scope="module")
def catalogue() -> dict[str, str]:
    with FILE.open("rb") as lines:
        return {str(one.id): str(one.string) for one in read_po(lines) if one.id and not one.fuzzy}


def test_chinese_has_every_text_and_no_other(catalogue: dict[str, str]) -> None:
    wanted = marked_texts()
    assert len(wanted) > 400
    assert sorted(text for text in wanted if not catalogue.get(text)) == []
    assert sorted(catalogue.keys() - wanted) == []


def test_translations_have_the_same_values_in_braces(catalogue: dict[str, str]) -> None:
    def values(text: str) -> list[str]:
        return sorted(re.findall(r"\{(\w+)\}", text))

    assert [text for text, told in catalogue.items() if values(text) != values(told)] == []


def test_translations_are_chinese_unless_they_are_names(catalogue: dict[str, str]) -> None:
    same = {text for text, told in catalogue.items() if not re.search(r"[\u4e00-\u9fff]", told)}
    assert same == {
        "CPU",
        "N_max",
        "P10, P50, P90",
        "ms",
        "tls",
        "{what}, ms",
        "{what} ({how_long})",
    }


def test_a_text_is_told_with_its_values() -> None:
    assert Words()("{count} trials", count=3) == "3 trials"
    assert Words("zh")("{count} trials", count=3) == "3 次试验"
    assert Words("zh")("nobody translated this") == "nobody translated this"


def test_braces_in_values_and_in_texts_without_values_stay() -> None:
    assert Words()("{stage} (not measured)", stage="{x}") == "{x} (not measured)"
    assert Words()(marked("load: {rate: 1/s}")) == "load: {rate: 1/s}"


def test_every_language_but_english_has_a_catalogue() -> None:
    assert {path.name for path in LOCALE_DIR.iterdir()} == LANGUAGES.keys() - {"en"}
