"""JSON Schema of the files that people write, for editors and for checks without loadkit."""

from __future__ import annotations

import ast
import inspect
import itertools
import sys
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from loadkit.scenario.block import Block

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    from pydantic_core import core_schema

DIALECT = "https://json-schema.org/draft/2020-12/schema"

VERSION = 1
"""Goes up when a file that was right before is no longer."""

_SCALARS = ("str", "int", "float", "bool", "any")


class SchemaMissingError(TypeError):
    """A type reads its values by a function of ours, of which pydantic knows no schema."""


def json_schema(model_type: type[BaseModel], name: str, *, part: bool = False) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a file.

    What several keys say together, such as a ramp that starts nowhere, and the upper bounds of quantities are left to
    the reader; a part may hold any of the keys.

    Args:
        model_type: The model of the whole file.
        name: What the file is, for the schema's identifier.
        part: Whether the file is one that others include.

    Raises:
        SchemaMissingError: If a type in the model has validators and no schema.
    """
    schema = model_type.model_json_schema(by_alias=True, schema_generator=_Generator)
    for block in (schema, *schema.get("$defs", {}).values()):
        block.pop("title", None)  # the name of a class says nothing to whoever writes YAML
    required = schema.pop("required", [])
    whole = {"$schema": DIALECT, "$id": f"urn:loadkit:schema:{name}:{VERSION}", "title": f"loadkit {name}", **schema}
    if required and not part:
        whole |= {"if": {"not": {"required": ["include"]}}, "then": {"required": required}}
    return whole


def field_docstrings(model_type: type[BaseModel]) -> dict[str, str]:
    """What stands below each field of a model as its docstring, its bases' fields included.

    Pydantic can do this when a class is made, which would make every start of loadkit a tenth of a second longer.
    """
    words: dict[str, str] = {}
    for cls in reversed(model_type.__mro__[: model_type.__mro__.index(BaseModel)]):
        body = _class_bodies(sys.modules[cls.__module__]).get(cls.__name__, [])
        for field, below in itertools.pairwise(body):
            match field, below:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                    words[name] = inspect.cleandoc(text)
    return words


@lru_cache
def _class_bodies(module: ModuleType) -> dict[str, list[ast.stmt]]:
    tree = ast.parse(inspect.getsource(module))
    return {node.name: node.body for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}


class _Generator(GenerateJsonSchema):
    """As pydantic's, for what our reader takes: no null, no guessed types, defaults as they are written."""

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        raise _missing(schema)

    def function_wrap_schema(self, schema: core_schema.WrapValidatorFunctionSchema) -> JsonSchemaValue:
        raise _missing(schema)

    def function_plain_schema(self, schema: core_schema.PlainValidatorFunctionSchema) -> JsonSchemaValue:
        raise _missing(schema)

    def function_after_schema(self, schema: core_schema.AfterValidatorFunctionSchema) -> JsonSchemaValue:
        # A type with a schema of its own says so in its metadata; blocks and lists say enough by what they hold.
        if schema["schema"]["type"] in _SCALARS and not schema.get("metadata"):
            raise _missing(schema)
        return super().function_after_schema(schema)

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        cls, inner = schema["cls"], schema["schema"]
        shorthand = cls.shorthand if issubclass(cls, Block) else None
        if inner["type"] == "function-before" and shorthand is not None:
            schema = {**schema, "schema": inner["schema"]}
        block = super().model_schema(schema)
        words = field_docstrings(cls)
        for name, field in cls.model_fields.items():
            if name in words:
                block["properties"][field.alias or name].setdefault("description", words[name])
        if issubclass(cls, Block) and cls.one_of:
            block |= {"minProperties": 1, "maxProperties": 1}
        if shorthand is None:
            return block
        return {"description": block.pop("description", ""), "anyOf": [dict(shorthand), block]}

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])  # a key without a value is refused

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        inner = self.generate_inner(schema["schema"])
        default = schema.get("default")
        if default is None or isinstance(default, BaseModel) or default in ((), {}, ""):
            return inner
        write = _writer(schema["schema"])
        return {**inner, "default": default if write is None else write(default)}

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        keys = self.generate_inner(schema["keys_schema"])
        keys.pop("type", None)  # some editors take the key 20 for a number
        whole: JsonSchemaValue = {
            "type": "object",
            "propertyNames": keys,
            "additionalProperties": self.generate_inner(schema["values_schema"]),
        }
        self.update_with_validations(whole, schema, self.ValidationsMapping.object)
        return whole

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic's own signature
        return False


def _missing(schema: Mapping[str, Any]) -> SchemaMissingError:
    function = schema["function"]["function"]
    return SchemaMissingError(
        f"{function.__module__}.{function.__qualname__} validates a type without a JSON Schema: "
        "annotate the type with pydantic.WithJsonSchema, or give its block a shorthand"
    )


def _writer(schema: Mapping[str, Any]) -> Any:
    """How a value of a type is written in YAML; None where it stands for itself."""
    while True:
        serialization = schema.get("serialization")
        if serialization is not None and serialization["type"] == "function-plain":
            return serialization["function"]
        if "schema" not in schema:
            return None
        schema = schema["schema"]
