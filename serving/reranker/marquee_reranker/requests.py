"""Parameters and bodies of requests."""

from typing import Annotated, Any

from fastapi import Path, Request
from pydantic import Field

from marquee.api.contracts import MAX_TOP_N, Filters, RecommendationRequest
from marquee.api.request_body import parse_request, require_json
from marquee.base_model import FrozenBaseModel

MovieIdInPath = Annotated[int, Path(ge=1, le=2**31 - 1, description="A MovieLens id.", examples=[1])]


async def recommendation_request(request: Request) -> RecommendationRequest:
    """The parsed body; a FastAPI dependency, since FastAPI's own parser isn't strict."""
    require_json(request.headers.get("content-type", ""))
    return parse_request(await request.body())


class SearchQuery(FrozenBaseModel):
    """Of `GET /v1/movies`."""

    q: str = Field(min_length=1, max_length=200, examples=["matrix"])
    """Beginnings of the title's words, in any order; a year narrows: `heat 1995`."""
    limit: int = Field(10, ge=1, le=50)
    """How many films at most."""


class SimilarQuery(Filters):
    """Of `GET /v1/movies/{movie_id}/similar`."""

    top_n: int = Field(10, ge=1, le=MAX_TOP_N)
    """How many films."""
    # Not strict as in a body, since a query is text.
    year_min: int | None = Field(None, ge=1870, le=2100)
    """Keep films of this year or later."""
    year_max: int | None = Field(None, ge=1870, le=2100)
    """Keep films of this year or earlier."""


class SampleQuery(FrozenBaseModel):
    """Of `GET /v1/movies/sample`."""

    n: int = Field(12, ge=1, le=50)
    """How many films."""
    seed: int | None = Field(None, ge=0, le=2**31 - 1)
    """The same seed draws the same films; left out, each answer is a new draw."""
    genre: str | None = Field(None, min_length=1, max_length=50)
    """Only films of this genre."""


class UnderstandQuery(FrozenBaseModel):
    """Of `GET /v1/understand`."""

    q: str = Field(min_length=1, max_length=300, examples=["something like Spirited Away but for adults, no horror"])
    """A wish in words: titles, genres, years, more or less known, and what not."""


# JSON schemas for validation messages: of the path's parameters, and of queries by the last part of their path.
PATH: dict[str, Any] = {"properties": {"movie_id": {"type": "integer", "minimum": 1, "maximum": 2**31 - 1}}}
QUERIES: dict[str, dict[str, Any]] = {
    "movies": SearchQuery.model_json_schema(),
    "sample": SampleQuery.model_json_schema(),
    "understand": UnderstandQuery.model_json_schema(),
    "similar": SimilarQuery.model_json_schema(),
}
