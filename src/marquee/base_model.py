"""The base of all pydantic models of ours, bundle files and API alike."""

import ast
import inspect
from functools import cache
from itertools import pairwise
from textwrap import dedent
from typing import Any, Self, cast

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler
from pydantic_core import CoreSchema

# The default of an optional field that is left out of JSON while it is None.
OMITTED: Any = Field(default=None, exclude_if=lambda value: value is None)
# Defaults of which pydantic makes a new one each time, where it would copy `[]` and `{}`, twenty times as slow.
EMPTY_LIST: Any = Field(default_factory=list)
EMPTY_DICT: Any = Field(default_factory=dict)


class FrozenBaseModel(BaseModel):
    """An immutable model that refuses unknown fields; a docstring under a field is its description in OpenAPI."""

    # A process uses few of the models that it imports: validators are built on first use, and docstrings read when
    # they are asked for. pydantic's use_attribute_docstrings would parse every class at import, a third of its time.
    model_config = ConfigDict(extra="forbid", frozen=True, serialize_by_alias=True, defer_build=True)

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """Itself, since nothing changes it: pydantic copies a field's default at each use."""
        return self

    @classmethod
    def unchecked(cls, values: dict[str, Any]) -> Self:
        """An instance of all fields' values, in their order, without validation, which takes five times as long."""
        made = cls.__new__(cls)
        object.__setattr__(made, "__dict__", values)
        object.__setattr__(made, "__pydantic_fields_set__", set(values))
        object.__setattr__(made, "__pydantic_extra__", None)
        object.__setattr__(made, "__pydantic_private__", None)
        return made

    @classmethod
    def descriptions(cls) -> dict[str, str]:
        """The docstring under each field that has one, by the field's name."""
        kinds = (kind for kind in reversed(cls.__mro__) if issubclass(kind, FrozenBaseModel))
        return {name: text for kind in kinds for name, text in _docstrings(kind).items()}

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Add the descriptions, and the defaults that are made."""
        schema = handler(core_schema)
        properties = handler.resolve_ref_schema(schema).get("properties", {})
        for name, field in cls.model_fields.items():
            if field.default_factory in (list, dict):
                properties.get(field.alias or name, {}).setdefault(
                    "default", field.get_default(call_default_factory=True)
                )
        for name, text in cls.descriptions().items():
            properties.get(cls.model_fields[name].alias or name, {}).setdefault("description", text)
        return schema


@cache
def json_schema(kind: type[BaseModel]) -> dict[str, Any]:
    """A model's JSON schema, made once."""
    return kind.model_json_schema()


@cache
def _docstrings(kind: type[FrozenBaseModel]) -> dict[str, str]:
    body = cast("ast.ClassDef", ast.parse(dedent(inspect.getsource(kind))).body[0]).body
    return {
        field.target.id: inspect.cleandoc(below.value.value)
        for field, below in pairwise(body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) and isinstance(below.value.value, str)
    }
