"""Models of the API's requests and responses, shared by the HTTP server, Lambda, the command line and the clients."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from marquee.base_model import FrozenBaseModel
from marquee.models.weights import Rung

MAX_IDS = 100
MAX_PEOPLE = 8
MAX_TOP_N = 100
MAX_BODY_BYTES = 32 * 1024

MovieId = Annotated[int, Field(strict=True, ge=1, le=2**31 - 1)]
Ids = Annotated[list[MovieId], Field(max_length=MAX_IDS)]
Genre = Annotated[str, Field(min_length=1, max_length=50)]
Year = Annotated[int, Field(strict=True, ge=1870, le=2100)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


_SEEDS = ("tmdb_ids", "movie_ids")
_EMPTY = {"maxItems": 0}


def _requires(name: str, min_items: int = 1, **others: dict[str, Any]) -> dict[str, Any]:
    """JSON schema of an object in which one list has entries, and other fields are restricted."""
    return {"required": [name], "properties": {name: {"minItems": min_items}, **others}}


# The default of an optional field that is left out of JSON while it is None.
OMITTED: Any = Field(default=None, exclude_if=lambda value: value is None)


class Filters(FrozenBaseModel):
    """Which films may be recommended. Candidates are filtered before the cut, so filters never starve."""

    genres_any: Annotated[list[Genre], Field(max_length=30)] = []
    """Keep films with at least one of these genres."""
    genres_none: Annotated[list[Genre], Field(max_length=30)] = []
    """Drop films with any of these genres."""
    year_min: Year | None = None
    """Keep films of this year or later."""
    year_max: Year | None = None
    """Keep films of this year or earlier."""

    @model_validator(mode="after")
    def _years_in_order(self) -> Self:
        if self.year_min and self.year_max and self.year_min > self.year_max:
            raise ValueError("year_min is after year_max: swap them")
        return self


class _Taste(FrozenBaseModel):
    tmdb_ids: Ids = []
    """Films that the person likes, as TMDB ids."""
    movie_ids: Ids = []
    """Films that the person likes, as MovieLens ids."""
    disliked_tmdb_ids: Ids = []
    """Films that the person dislikes, as TMDB ids: never recommended, and similar films rank lower."""
    disliked_movie_ids: Ids = []
    """Films that the person dislikes, as MovieLens ids."""

    @property
    def n_seeds(self) -> int:
        """Number of liked films."""
        return len(self.tmdb_ids) + len(self.movie_ids)


class Person(_Taste):
    """One of several people who watch together."""

    # What the validator checks, for readers of the schema.
    model_config = ConfigDict(json_schema_extra={"anyOf": [_requires(name) for name in _SEEDS]})

    @model_validator(mode="after")
    def _has_seeds(self) -> Self:
        if not self.n_seeds:
            raise ValueError("give each person at least one film in tmdb_ids or movie_ids")
        return self


class RecommendationRequest(_Taste):
    """Films that somebody likes, and what the answer should be like."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"tmdb_ids": [1585, 4935, 597], "top_n": 5}],
            "anyOf": [
                *(_requires(name, people=_EMPTY) for name in _SEEDS),
                _requires(
                    "people", 2, several_interests={"const": False}, **dict.fromkeys(_Taste.model_fields, _EMPTY)
                ),
            ],
        },
    )

    people: Annotated[list[Person], Field(max_length=MAX_PEOPLE)] = []
    """Several people who watch together, 2 to 8, instead of the lists above: nobody's taste is ignored."""
    exclude_tmdb_ids: Ids = []
    """Films to leave out, without any further meaning (already seen, not available), as TMDB ids."""
    exclude_movie_ids: Ids = []
    """The same as MovieLens ids."""
    filters: Filters = Filters()
    """Which films may be recommended."""
    top_n: Annotated[int, Field(strict=True, ge=1, le=MAX_TOP_N)] = 10
    """How many films to return."""
    diversity: Share | None = None
    """0 ranks by affinity alone, 1 by difference from the other picks; left out: the bundle's default."""
    novelty: Share = 0.0
    """The popularity dial: 1 prefers lesser-known films most."""
    several_interests: bool = False
    """Give each of very different tastes among the liked films its share of the answer, instead of their average."""
    one_per_franchise: bool = False
    """At most one film of a series."""
    explain: bool = False
    """Add to each film what speaks for it, seed by seed."""

    @model_validator(mode="after")
    def _is_for_one_or_several(self) -> Self:
        if not self.n_seeds:
            raise ValueError("give at least one film in tmdb_ids or movie_ids")
        if self.people and any(getattr(self, name) for name in _Taste.model_fields):
            raise ValueError("give the films either of one person or in people, not both")
        if len(self.people) == 1:
            raise ValueError("people are at least two: give one person's films without people")
        if self.people and self.several_interests:
            raise ValueError("several_interests is for one person: leave it out or give no people")
        return self

    @property
    def n_seeds(self) -> int:
        """Number of liked films, of all people together."""
        return super().n_seeds + sum(person.n_seeds for person in self.people)


class SeedContribution(FrozenBaseModel):
    """What one seed adds to a film's score."""

    movie_id: int
    title: str
    contribution: float
    """In log-odds; negative where the seed speaks against the film."""


class Explanation(FrozenBaseModel):
    """An exact account: the contributions of `because` and of `terms` sum to `score`."""

    score: float
    """Log-odds of `affinity_score`: affinity_score = 1 / (1 + exp(-score))."""
    because: list[SeedContribution]
    """"Because you liked": one entry per seed, strongest first."""
    terms: dict[str, float]
    """The rest: `prior` (how liked the film is whoever asks), `genre`, `year`, `popularity`, `dislikes`."""


class PersonAffinity(FrozenBaseModel):
    """Affinity of one of several people for a film."""

    affinity_score: float = Field(ge=0, le=1)
    """As if the person had asked alone."""
    explanation: Explanation | None = OMITTED
    """Only when the request says `explain`."""


class Movie(FrozenBaseModel):
    """A film of the catalogue."""

    movie_id: int
    tmdb_id: int | None
    title: str
    year: int | None
    genres: list[str]


class Recommendation(Movie):
    """A recommended film."""

    affinity_score: float = Field(ge=0, le=1)
    """Calibrated: of people with such seeds, the share who liked a film with this score. For several people their
    mean, which is the share of them who are expected to like it."""
    explanation: Explanation | None = OMITTED
    """Only when the request says `explain`, and is for one person."""
    for_people: list[PersonAffinity] | None = OMITTED
    """Only when the request has `people`: one entry for each, in their order."""


class RecommendationResponse(FrozenBaseModel):
    """Recommendations, and how they came about."""

    recommendations: list[Recommendation]
    """Sorted by `affinity_score`, highest first; never a seed."""
    served_by: Rung
    """The rung of the ladder that chose the candidates: two_tower, item_cf or popularity; for several people the lowest
    of theirs."""
    degraded: list[str]
    """Why the answer comes from a lower rung, or is shorter than asked; empty when nothing is amiss."""
    unknown_ids: list[int]
    """Ids of the request that no film has."""
    model_version: str
    request_id: str


class MovieDetails(Movie):
    """A film, and how liked it is."""

    likes: int
    """People of the training data who rated it 4 or more."""
    popularity_rank: int
    """1 is the most liked film; films that equally many like share a rank."""
    n_films: int
    """How many films the catalogue has."""
    model_version: str


class MovieList(FrozenBaseModel):
    """Films found by a search, or similar to one."""

    movies: list[Movie]
    model_version: str


class Problem(FrozenBaseModel):
    """An error in the form of RFC 9457."""

    model_config = ConfigDict(extra="ignore")  # of newer servers

    type: str = "about:blank"
    code: str
    """One word of a closed list (docs/api.md) for programs to go by."""
    title: str
    status: int
    detail: str
    """What is wrong, and the fix."""
    errors: list[dict[str, str]] = []
    """For invalid requests: `field`, `message` for each."""
    request_id: str = ""


def response_json(response: BaseModel) -> bytes:
    """The bytes of a response body, the same in every runtime."""
    return response.model_dump_json().encode()
