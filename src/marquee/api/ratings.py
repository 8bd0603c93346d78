"""Models of rows of somebody's ratings, and of the films that they are about: `POST /v1/resolve`."""

from typing import Annotated

from pydantic import ConfigDict, Field

from marquee.api.contracts import FILM_IDS, MAX_RATINGS, Movie, Rating, Year, requires_one
from marquee.base_model import FrozenBaseModel


class RatingRow(Rating):
    """A row of somebody's ratings, whose film may be known by its title alone."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                *map(requires_one, FILM_IDS),
                {"required": ["title"], "properties": {"title": {"pattern": r"\S"}}},
            ]
        }
    )

    title: Annotated[str, Field(max_length=500)] = ""
    """As the source writes it; may end with the year in brackets."""
    year: Year | None = None
    series: bool = False
    """Whether it is a series for television: such rows are found by their ids only."""


class ResolveRequest(FrozenBaseModel):
    """Rows of somebody's ratings, to find the films that they are about."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"rows": [{"title": "Heat", "year": 1995, "stars": 4.5}]}]}
    )

    rows: Annotated[list[RatingRow], Field(min_length=1, max_length=MAX_RATINGS)]


class ResolvedRow(FrozenBaseModel):
    """A row whose film is certain."""

    row: int
    """Position in the request, from 0."""
    movie: Movie
    popularity_rank: int
    """Rank by likes, from 1, as in `MovieDetails`."""


class Doubt(FrozenBaseModel):
    """A row that can mean one of several films, or a film of another year or spelling: ask which one, if any."""

    row: int
    """Position in the request, from 0."""
    choices: list[Movie]
    """The likeliest first."""


class Resolved(FrozenBaseModel):
    """The films that rows are about; each row is in one of the three lists, in the order of the request."""

    films: list[ResolvedRow]
    doubts: list[Doubt]
    unknown: list[int]
    """Positions of rows whose film the catalogue lacks."""
    model_version: str
