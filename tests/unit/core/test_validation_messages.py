"""Errors in words, for schemas of other shapes than the request's own."""

from typing import Annotated

from pydantic import BaseModel, Field, ValidationError

from marquee.api.request_body import summary, validation_messages


class Inner(BaseModel):
    n: int = Field(ge=1, le=9)


class Outer(BaseModel):
    inner: list[Inner] = Field(default=[], max_length=3)
    maybe: Annotated[float, Field(ge=0, le=1)] | None = None
    needed: str = Field(max_length=4)


def words(value):
    try:
        Outer.model_validate(value)
    except ValidationError as error:
        return validation_messages(error.errors(), Outer.model_json_schema())
    raise AssertionError


def test_nested_missing_and_optional():
    assert words({"inner": [{"n": 1}, {"n": 10}], "maybe": 2}) == [
        {"field": "inner[1].n", "message": "must be a whole number from 1 to 9, not 10"},
        {"field": "maybe", "message": "must be a number from 0 to 1, not 2"},
        {"field": "needed", "message": "is missing; give text of 0 to 4 characters"},
    ]


def test_values_are_shown_shortly():
    (entry,) = words({"needed": "x" * 1000})
    assert entry["message"] == f'must be text of 0 to 4 characters, not "{"x" * 36}...'
    (entry,) = words({"needed": {"a": 1}})
    assert entry["message"].endswith("not an object")
    (entry,) = words({"needed": object()})
    assert entry["message"].endswith("not this")


def test_a_summary_has_three_and_counts_the_rest():
    told = [{"field": name, "message": "is wrong"} for name in "abcde"]
    assert summary(told[:1]) == "a: is wrong"
    assert summary(told) == "a: is wrong; b: is wrong; c: is wrong; and 2 more, see errors"
