"""Profiles: how a far end behaves, as YAML; some are shipped under names."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field, field_validator

from loadkit.errors import ProfileError, UsageError
from loadkit.scenario.block import Block, FileBlock
from loadkit.scenario.document import read_document
from loadkit.scenario.findings import Finding, raise_findings, suggest
from loadkit.scenario.includes import with_includes
from loadkit.scenario.quantities import WholeNumber
from loadkit.scenario.reading import build_model, read_model, read_text
from loadkit.scenario.texts import Name, Prose
from sinks.behaviour.policy import Fault, Greylist, Limits, Outage, Provider, Service

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.resources.abc import Traversable

_NAME = re.compile(r"[a-z0-9_]{1,40}")


class Profile(FileBlock):
    """How a far end behaves: at each step brown-outs come first, then limits, greylisting, faults, service times."""

    name: Name = Field(alias="profile")
    """The profile's name: 1 to 40 of a-z 0-9 _ -"""
    description: Prose = Field("", max_length=10_000)
    """Whom it stands for, in words."""
    seed: WholeNumber = Field(1, ge=0, le=2**63 - 1)
    """The same seed and the same mail give the same answers."""
    service: Service = Service()
    """Service times by step."""
    faults: tuple[Fault, ...] = Field((), max_length=1000)
    """What goes wrong, by chance or by rule."""
    limits: Limits = Limits()
    """How much is taken."""
    greylist: Greylist | None = None
    """Whether first attempts are refused."""
    outages: tuple[Outage, ...] = Field((), max_length=1000)
    """When the server is down or slow."""
    providers: dict[Name, Provider] = Field({}, max_length=100)
    """Mail providers behind it, by name."""

    @field_validator("providers")
    @classmethod
    def _share_the_recipients(cls, providers: dict[str, Provider]) -> dict[str, Provider]:
        total = sum(provider.share or 0.0 for provider in providers.values())
        if total > 1 + 1e-9:
            raise_findings([Finding(f"the shares add up to {total * 100:g}%", fix="make them at most 100%")])
        return providers

    @property
    def single_process_reason(self) -> str | None:
        """Why one process must serve this profile alone; None where several can."""
        for place, service in self._services():
            for phase in type(service).model_fields:
                time = getattr(service, phase)
                if time is not None and time.station is not None:
                    return f"{place}.{phase} is a station, and a station is one queue in one process"
        return None

    def _services(self) -> Iterator[tuple[str, Block]]:
        yield "service", self.service
        for name, provider in self.providers.items():
            yield f"providers.{name}.service", provider.service


def profile_names() -> tuple[str, ...]:
    """The names of the profiles that are shipped, in alphabetical order."""
    return tuple(sorted(entry.name.removesuffix(".yaml") for entry in _shipped().iterdir() if _is_profile(entry)))


def load_profile(name_or_path: str) -> Profile:
    """Read a shipped profile by its name, or a file and the files that it includes.

    Args:
        name_or_path: A name such as ``greylist``; anything but a plain name is a path.

    Raises:
        UsageError: If there is no such profile or the file can't be read.
        ProfileError: With every problem in it; it is a `ScenarioError`.
    """
    if not _NAME.fullmatch(name_or_path):
        document = read_document(read_text(name_or_path, "profile"), name_or_path)
        document = with_includes(document, Path(name_or_path), Profile)
        return build_model(Profile, document, error_type=ProfileError)
    if name_or_path not in profile_names():
        raise UsageError(f"there is no profile {name_or_path!r}", hint=suggest(name_or_path, profile_names()))
    file = _shipped() / f"{name_or_path}.yaml"
    return parse_profile(file.read_text("utf-8"), str(file))


def parse_profile(text: str, file: str) -> Profile:
    """Read a profile from YAML text.

    Args:
        text: The YAML.
        file: Name of its source, for messages.

    Raises:
        ProfileError: With every problem in it; it is a `ScenarioError`.
    """
    return read_model(Profile, text, file, error_type=ProfileError)


def _shipped() -> Traversable:
    return files("sinks") / "profiles"


def _is_profile(entry: Traversable) -> bool:
    return entry.name.endswith(".yaml")
