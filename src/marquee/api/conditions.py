"""Conditions on columns of the catalogue: price at most 10, any of these brands."""

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Self

from pydantic import Field, GetJsonSchemaHandler, PlainValidator, WithJsonSchema, model_validator
from pydantic_core import CoreSchema

from marquee.base_model import OMITTED, FrozenBaseModel

MAX_VALUES = 100
_MOST = 1e15
_NO_VALUES: Any = Field((), exclude_if=lambda values: not values)
_OPERATORS = {"=": "any", "!=": "none", "&=": "all", ">=": "min", "<=": "max"}
_TEXT_OF_CONDITION = re.compile(r"([^=!&<>]+)(=|!=|&=|>=|<=)(.+)", re.DOTALL)
TEXT: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": 200}


def text_or_number(value: object) -> str | int | float:
    """Text or a number; a ValueError for anything else, and for what is too long or large."""
    if isinstance(value, str) and 0 < len(value) <= TEXT["maxLength"]:
        return value
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _MOST:
        return value
    raise ValueError(f"must be text of 1 to {TEXT['maxLength']} characters or a number")


_VALUE = {"anyOf": [TEXT, {"type": "number", "minimum": -_MOST, "maximum": _MOST}]}
Value = Annotated[str | int | float, PlainValidator(text_or_number), WithJsonSchema(_VALUE)]
Values = Annotated[tuple[Value, ...], Field(max_length=MAX_VALUES, json_schema_extra={"minItems": 1})]
Bound = Annotated[float, Field(ge=-_MOST, le=_MOST, allow_inf_nan=False)]


class Condition(FrozenBaseModel):
    """Condition on the values that an item has in a column, of which there may be several: all that is given must hold.

    A value, or a list of them, is short for `any`. An item without a value fails all but `none`. Case is ignored.
    """

    any: Values = _NO_VALUES
    """It has at least one of these."""
    all: Values = _NO_VALUES
    """It has all of these."""
    none: Values = _NO_VALUES
    """It has none of these."""
    min: Bound | None = OMITTED
    """Its number is at least this."""
    max: Bound | None = OMITTED
    """Its number is at most this."""

    @model_validator(mode="before")
    @classmethod
    def _from_short_forms(cls, given: Any) -> Any:
        if isinstance(given, str | int | float | list):
            given = {"any": given if isinstance(given, list) else [given]}
        if not isinstance(given, dict):
            return given
        return {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        given = [getattr(self, name) for name in self.model_fields_set]
        if () in given or set(given) <= {None}:
            raise ValueError('is empty: give a value, a list of values, or an object such as {"max": 10}')
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("min is above max: swap them")
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Add the short forms."""
        schema = super().__get_pydantic_json_schema__(core_schema, handler)
        node = handler.resolve_ref_schema(schema)
        whole = {**node, "minProperties": 1, "examples": [{"max": 10}]}
        several = {"type": "array", "items": _VALUE, "minItems": 1, "maxItems": MAX_VALUES}
        node.clear()
        node.update({"title": whole.pop("title"), "anyOf": [whole, *_VALUE["anyOf"], several]})
        return schema


Columns = Annotated[
    dict[str, Condition], Field(max_length=20, examples=[{"price": {"max": 10}, "brand": ["Acme", "Apex"]}])
]


def conditions_of_texts(texts: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Conditions by column out of texts such as `series=Dune`, `brand!=Acme`, `tag&=war` (all), `price<=10`.

    Those on one column are one condition. Raises ValueError for other texts.
    """
    columns: dict[str, dict[str, Any]] = {}
    for text in texts:
        if not (found := _TEXT_OF_CONDITION.fullmatch(text)):
            raise ValueError(f"{text[:40]!r}: give a column, one of = != &= >= <=, and a value, as in series=Dune")
        name, operator, value = (part.strip() for part in found.groups())
        condition, field = columns.setdefault(name, {}), _OPERATORS[operator]
        if field in {"min", "max"}:
            condition[field] = value
        else:
            condition.setdefault(field, []).append(value)
    return columns


def texts_of_conditions(columns: Mapping[str, Condition]) -> list[str]:
    """The inverse of `conditions_of_texts`."""
    given = [(name, op, getattr(one, field)) for name, one in columns.items() for op, field in _OPERATORS.items()]
    return [
        f"{name}{operator}{value}"
        for name, operator, values in given
        for value in (values if isinstance(values, tuple) else [values])
        if value is not None
    ]
