"""Parameters of GET routes in paths and queries, for the HTTP server and Lambda alike."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Self, TypeVar

from pydantic import ConfigDict, Field, ValidationError, model_validator

from marquee.api.conditions import conditions_of_texts
from marquee.api.contracts import MAX_TOP_N, FilmFilters, Filters
from marquee.api.problems import ProblemError
from marquee.api.request_body import Schema, summary, validation_messages
from marquee.base_model import FrozenBaseModel, json_schema

MAX_ID = 2**31 - 1


class _Eager(FrozenBaseModel):
    # FastAPI takes such a model apart when it makes a route.
    model_config = ConfigDict(use_attribute_docstrings=True, defer_build=False)


class MoviePath(_Eager):
    """Of `/v1/movies/{movie_id}`."""

    movie_id: int = Field(ge=1, le=MAX_ID)
    """A MovieLens id."""


class SearchQuery(_Eager):
    """Of `GET /v1/movies`."""

    q: str = Field(min_length=1, max_length=200, examples=["matrix"])
    """Beginnings of the title's words, in any order; a year narrows: `heat 1995`."""
    limit: int = Field(10, ge=1, le=50)
    """How many films at most."""


class SimilarQuery(FilmFilters, _Eager):
    """Of `GET /v1/movies/{movie_id}/similar`."""

    top_n: int = Field(10, ge=1, le=MAX_TOP_N)
    """How many films."""
    # Not strict as in a body, since a query is text.
    year_min: int | None = Field(None, ge=1870, le=2100)
    """Keep films of this year or later."""
    year_max: int | None = Field(None, ge=1870, le=2100)
    """Keep films of this year or earlier."""
    where: Annotated[list[str], Field(max_length=100)] = []
    """Conditions on columns, `price<=10` or `series=Dune`, with one of `=` (any of several), `!=`, `&=` (all), `>=`,
    `<=`."""

    @model_validator(mode="after")
    def _has_conditions(self) -> Self:
        try:
            self.filters  # noqa: B018 - fails where it is wrong
        except ValidationError as error:
            raise ValueError(summary(validation_messages(error.errors(), json_schema(Filters)))) from None
        return self

    @property
    def filters(self) -> Filters:
        """The same as in a body."""
        given = self.model_dump(exclude={"top_n", "where"})
        return Filters.model_validate({**given, "columns": conditions_of_texts(self.where)})


class SampleQuery(_Eager):
    """Of `GET /v1/movies/sample`."""

    n: int = Field(12, ge=1, le=50)
    """How many films."""
    seed: int | None = Field(None, ge=0, le=MAX_ID)
    """The same seed draws the same films; left out, each answer is a new draw."""
    genre: str | None = Field(None, min_length=1, max_length=50)
    """Only films of this genre."""


class UnderstandQuery(_Eager):
    """Of `GET /v1/understand`."""

    q: str = Field(min_length=1, max_length=300, examples=["something like Spirited Away but for adults, no horror"])
    """A wish in words: titles, genres, years, more or less known, and what not."""


Parameters = TypeVar("Parameters", bound=FrozenBaseModel)


def parse_parameters(kind: type[Parameters], given: Mapping[str, Sequence[str]]) -> Parameters:
    """Parse parameters, each with all its values; of several values for one, the last counts.

    Raises:
        ProblemError: 422, a parameter is unknown or wrong.
    """
    schema = json_schema(kind)
    lists = {name for name, one in schema["properties"].items() if one.get("type") == "array"}
    values = {name: several if name in lists else several[-1] for name, several in given.items() if several}
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise invalid_parameters([(one, schema) for one in error.errors(include_url=False)]) from None


def invalid_parameters(errors: Sequence[tuple[Mapping[str, Any], Schema]]) -> ProblemError:
    """Problem of pydantic's errors in parameters, each with the JSON schema that it is about: 422."""
    messages = [message for error, schema in errors for message in validation_messages([error], schema)]
    return ProblemError(422, summary(messages), errors=messages)
