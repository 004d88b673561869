"""Which types of value a model allows at a path of keys."""

from __future__ import annotations

from dataclasses import dataclass
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from loadkit.scenario.findings import KeyPath


@dataclass(frozen=True, slots=True)
class ValueType:
    """One type that a value may have.

    Args:
        type: The type, neither a union nor annotated.
        metadata: What annotates it.
    """

    type: Any
    metadata: tuple[Any, ...] = ()

    @property
    def block(self) -> type[BaseModel] | None:
        """The model, where it is one."""
        return self.type if isinstance(self.type, type) and issubclass(self.type, BaseModel) else None

    @property
    def merges(self) -> bool:
        """Whether keys given twice in two files are put together; else the later value replaces the earlier."""
        if self.block is not None:
            return not getattr(self.block, "one_of", False)
        return get_origin(self.type) is dict

    @property
    def is_list(self) -> bool:
        """Whether it is a list."""
        return get_origin(self.type) in {tuple, list}

    def below(self, key: str | int) -> Iterator[ValueType]:
        """The types that the value of a key, or the entry of a list, may have; none if it has no such key."""
        if self.block is not None:
            for name, field in self.block.model_fields.items():
                if key == (field.alias or name):
                    yield from _unfold(field.annotation, tuple(field.metadata))
        elif get_origin(self.type) is dict:
            yield from _unfold(get_args(self.type)[1])
        elif self.is_list and isinstance(key, int):
            yield from _unfold(get_args(self.type)[0])


def types_at(model_type: type[BaseModel], path: KeyPath) -> list[ValueType]:
    """The types that the value at a path may have; none where the model has no such key."""
    types = [ValueType(model_type)]
    for key in path:
        types = types_below(types, key)
    return types


def types_below(types: Iterable[ValueType], key: str | int) -> list[ValueType]:
    """The types that a key of a value of any of the given types may have."""
    return [below for one in types for below in one.below(key)]


def keys_of(types: Iterable[ValueType]) -> list[str]:
    """The keys that blocks of the given types may have."""
    return [
        field.alias or name for one in types if one.block is not None for name, field in one.block.model_fields.items()
    ]


def _unfold(annotation: Any, metadata: tuple[Any, ...] = ()) -> Iterator[ValueType]:
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *further = get_args(annotation)
        yield from _unfold(inner, (*metadata, *further))
    elif origin in {Union, UnionType}:
        for option in get_args(annotation):
            if option is not NoneType:
                yield from _unfold(option, metadata)
    else:
        yield ValueType(annotation, metadata)
