"""Sentences that were made with their numbers in them, told in the reader's language."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loadkit.report.words import Words

_PLACE = re.compile(r"\{(\w+)\}")


def retell(text: str, sentences: tuple[str, ...], t: Words) -> str:
    """A sentence in a language; as it is where its form is not known.

    Args:
        text: The sentence as it was made.
        sentences: Forms of sentences, with the names of values in braces; values may be such sentences themselves.
        t: The language.
    """
    for sentence, form in _forms(sentences):
        if found := form.fullmatch(text):
            values = {name: retell(value, sentences, t) for name, value in found.groupdict().items()}
            return t(sentence, **values)
    return text


def retell_parts(text: str, sentences: tuple[str, ...], t: Words, between: str = "; ") -> str:
    """Several sentences in one text, each retold."""
    return between.join(retell(part, sentences, t) for part in text.split(between))


@cache
def _forms(sentences: Sequence[str]) -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Sentences with patterns of them, those with most words of their own first."""
    return tuple((one, _form(one)) for one in sorted(sentences, key=lambda one: -len(_PLACE.sub("", one))))


def _form(sentence: str) -> re.Pattern[str]:
    parts = _PLACE.split(sentence)
    pattern = (f"(?P<{part}>.+?)" if place % 2 else re.escape(part) for place, part in enumerate(parts))
    return re.compile("".join(pattern), re.DOTALL)
