"""What every YAML block has in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Block(BaseModel):
    """A YAML block: frozen, and refusing keys that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")
