"""The words of report pages in the reader's language, from gettext catalogues."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

LANGUAGES = {"en": "en", "zh": "zh-Hans"}
"""Languages of reports, and what pages declare themselves as (BCP 47)."""

LOCALE_DIR = Path(__file__).parent / "locale"
DOMAIN = "loadkit"


@dataclass(frozen=True, slots=True)
class Words:
    """A language that pages can be written in; call it with an English text to have it in that language.

    Args:
        language: One of `LANGUAGES`.
    """

    language: str = "en"

    @property
    def tag(self) -> str:
        """The language as pages declare it."""
        return LANGUAGES[self.language]

    def __call__(self, text: str, /, **values: object) -> str:
        """A text in this language; English where the catalogue has none.

        Args:
            text: English, with the names of values in braces.
            values: What goes there, already written as it is shown.
        """
        told = _catalogue(self.language).get(text, text)
        return told.format(**values) if values else told


def marked(text: str) -> str:
    """A text that is to be translated where it is shown; this only marks it for the catalogue."""
    return text


ENGLISH = Words()


@cache
def _catalogue(language: str) -> Mapping[str, str]:
    """English texts to those of a language, read from its .po file, so that no binary stands beside it."""
    if language == "en":
        return {}
    from babel.messages.pofile import read_po  # noqa: PLC0415 - English pages do without

    file = LOCALE_DIR / language / "LC_MESSAGES" / f"{DOMAIN}.po"
    with file.open("rb") as catalogue:
        return {str(one.id): str(one.string) for one in read_po(catalogue) if one.id and one.string and not one.fuzzy}
