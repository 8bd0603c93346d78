"""Parameters in paths and query strings."""

from typing import Annotated, Any

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field

from marquee.api.contracts import MAX_TOP_N

MovieIdInPath = Annotated[int, Path(ge=1, le=2**31 - 1, description="A MovieLens id.", examples=[1])]


class SearchQuery(BaseModel):
    """Of `GET /v1/movies`."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    q: str = Field(min_length=1, max_length=200, examples=["matrix"])
    """Beginnings of the title's words, in any order; a year narrows: `heat 1995`."""
    limit: int = Field(10, ge=1, le=50)
    """How many films at most."""


class SimilarQuery(BaseModel):
    """Of `GET /v1/movies/{movie_id}/similar`."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    top_n: int = Field(10, ge=1, le=MAX_TOP_N)
    """How many films."""


class SampleQuery(BaseModel):
    """Of `GET /v1/movies/sample`."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    n: int = Field(12, ge=1, le=50)
    """How many films."""
    seed: int | None = Field(None, ge=0, le=2**31 - 1)
    """The same seed draws the same films; left out, each answer is a new draw."""
    genre: str | None = Field(None, min_length=1, max_length=50)
    """Only films of this genre."""


class UnderstandQuery(BaseModel):
    """Of `GET /v1/understand`."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    q: str = Field(min_length=1, max_length=300, examples=["something like Spirited Away but for adults, no horror"])
    """A wish in words: titles, genres, years, more or less known, and what not."""


# What errors are worded from, by the location that FastAPI gives them and, for queries, by the path's last word.
PATH: dict[str, Any] = {"properties": {"movie_id": {"type": "integer", "minimum": 1, "maximum": 2**31 - 1}}}
QUERIES: dict[str, dict[str, Any]] = {
    "movies": SearchQuery.model_json_schema(),
    "sample": SampleQuery.model_json_schema(),
    "understand": UnderstandQuery.model_json_schema(),
    "similar": SimilarQuery.model_json_schema(),
}
