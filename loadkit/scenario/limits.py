"""What providers watch: limit profiles as data, shipped under names or read from files."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import BeforeValidator, Field, ValidationInfo, WithJsonSchema, model_validator

from loadkit.errors import LoadkitError, ProviderError, ScenarioError, UsageError
from loadkit.scenario.block import Block
from loadkit.scenario.findings import Finding, FindingsError, suggest
from loadkit.scenario.quantities import MAX_RECIPIENTS, Rate, Size, WholeNumber
from loadkit.scenario.reading import read_model, read_text
from loadkit.scenario.texts import Name, Prose, beside
from loadkit.units import format_size

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

DEFAULT_PROVIDER = "cloud-port-25"

_NAME = re.compile(r"[a-z0-9_-]{1,40}")


class SizeLimits(Block):
    """How large messages are: up to normal nobody minds, above anomalous it is an attack."""

    normal_bytes: Size = Field(alias="normal")
    """Nobody minds messages up to this size."""
    anomalous_bytes: Size = Field(alias="anomalous")
    """Above this size a message is an attack."""

    @model_validator(mode="after")
    def _rise(self) -> Self:
        if self.anomalous_bytes < self.normal_bytes:
            raise FindingsError(
                Finding("is below normal", ("anomalous",), f"at least {format_size(self.normal_bytes)}")
            )
        return self


class Provider(Block):
    """The limits of a provider, as far as they are known; what is absent is not watched."""

    name: Name = Field(alias="provider")
    """Its name."""
    description: Prose = Field("", max_length=10_000)
    """Who it is, in words."""
    rate_per_s: Rate | None = Field(None, alias="rate")
    """Messages it takes."""
    connections_per_s: Rate | None = Field(None, alias="connections")
    """New connections it takes from one source."""
    size: SizeLimits | None = None
    """How large messages may be."""
    recipients: WholeNumber | None = Field(None, ge=1, le=MAX_RECIPIENTS)
    """Recipients it takes for one message."""

    @property
    def connections_per_min(self) -> float | None:
        """New connections a minute that it takes from one source."""
        return None if self.connections_per_s is None else round(60 * self.connections_per_s, 6)

    @model_validator(mode="after")
    def _watches_something(self) -> Self:
        for key, value in (("rate", self.rate_per_s), ("connections", self.connections_per_s)):
            if value == 0:
                raise FindingsError(Finding("must be more than 0", (key,)))
        if all(limit is None for limit in (self.rate_per_s, self.connections_per_s, self.size, self.recipients)):
            raise FindingsError(Finding("has no limit", fix="give connections, size, recipients or rate"))
        return self


def provider_names() -> tuple[str, ...]:
    """The names of the profiles that are shipped, in alphabetical order."""
    return tuple(sorted(one.name.removesuffix(".yaml") for one in _shipped().iterdir() if one.name.endswith(".yaml")))


def load_provider(name_or_path: str) -> Provider:
    """Read a shipped profile by its name, or a file.

    Args:
        name_or_path: A name such as ``cloud-port-25``; anything but a plain name is a path.

    Raises:
        UsageError: If there is no such profile or the file can't be read.
        ProviderError: With every problem in it; it is a `ScenarioError`.
    """
    if not _NAME.fullmatch(name_or_path):
        return read_model(
            Provider, read_text(name_or_path, "provider"), Path(name_or_path).name, error_type=ProviderError
        )
    if name_or_path not in provider_names():
        hint = suggest(name_or_path, provider_names())
        raise UsageError(
            f"there is no provider {name_or_path!r}", hint=f"{hint} A file has a dot or a slash in its name"
        )
    file = _shipped() / f"{name_or_path}.yaml"
    return read_model(Provider, file.read_text("utf-8"), str(file), error_type=ProviderError)


def _shipped() -> Traversable:
    return files("loadkit.scenario") / "providers"


def _find_provider(value: object, info: ValidationInfo) -> str:
    """A shipped name as it is, or the absolute path of a file that was read without a problem."""
    text = str(value)
    if not _NAME.fullmatch(text):
        text = str(beside(value, info))
    try:
        load_provider(text)
    except ScenarioError as error:
        raise FindingsError(*(Finding(str(problem)) for problem in error.problems)) from error
    except LoadkitError as error:
        raise FindingsError(Finding(str(error), fix=error.hint)) from error
    return text


class Guardrails(Block):
    """Whose limits a scenario is held against, and what happens where it is beyond one."""

    provider: Annotated[str, BeforeValidator(_find_provider), WithJsonSchema({"type": "string"})] = DEFAULT_PROVIDER
    """Whose limits: a name such as cloud-port-25, or a file."""
    severity: Literal["warning", "error", "off"] = "warning"
    """What happens beyond a limit: a warning, or nothing is sent."""

    def limits(self) -> Provider:
        """The provider's limits.

        Raises:
            LoadkitError: If its file has changed for the worse since the scenario was read.
        """
        return load_provider(self.provider)


def megabytes(size_bytes: float) -> str:
    """A size as providers write it."""
    return f"{size_bytes / 1e6:,.3g} MB"
