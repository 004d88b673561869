"""What every YAML block has in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, field_validator

MAX_INCLUDED_FILES = 50


class Block(BaseModel):
    """A YAML block: frozen, and refusing keys that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    one_of: ClassVar[bool] = False
    """Whether its keys exclude each other, so that a block given on top of another replaces it."""

    shorthand: ClassVar[Mapping[str, Any] | None] = None
    """The JSON Schema of what may stand instead of the block; a validator that runs before the block's takes it."""


class FileBlock(Block):
    """The block of a whole file, which can take parts from other files."""

    include: tuple[str, ...] = Field((), exclude=True, max_length=MAX_INCLUDED_FILES)
    """Files, relative to this one, whose blocks lie below this file's: keys given here win, lists replace."""

    @field_validator("include")
    @classmethod
    def _is_followed(cls, include: tuple[str, ...]) -> tuple[str, ...]:
        # Whoever reads a file takes the entries away as it follows them.
        if include:
            raise ValueError("is followed in a file alone")
        return include
