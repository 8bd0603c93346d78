"""Models of the API's requests and responses, shared by the HTTP server, Lambda, the command line and the clients."""

from datetime import date
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema, model_validator

from marquee.api.conditions import TEXT, Columns, text_or_number
from marquee.base_model import EMPTY_DICT, EMPTY_LIST, OMITTED, FrozenBaseModel
from marquee.models.catalog import ItemId
from marquee.models.weights import NOVELTY, Rung

MAX_IDS = 100
MAX_PEOPLE = 8
MAX_TOP_N = 100
MAX_RATINGS = 2000
MAX_AVAILABLE = 10_000
MAX_BOOSTED = 1000
MAX_BODY_BYTES = 512 * 1024  # as many ids of 40 characters, and as much again
BODY_LIMITS = {"/v1/resolve": 1024 * 1024}  # of paths whose bodies can be longer than that
# Of explanations in an answer. The rest is small, and both together pass Lambda: 6 MiB, with quotes escaped.
MAX_EXPLANATION_BYTES = 4 * 1024 * 1024
SEEDS = ("tmdb_ids", "movie_ids", "imdb_ids", "item_ids")
_EMPTY = {"maxItems": 0}
FILM_IDS = ("movie_id", "tmdb_id", "imdb_id", "item_id")


def _given_id(value: object) -> ItemId:
    """An id of a catalogue's own data; 12.0 is 12, as in JSON schema."""
    given = text_or_number(value)
    if isinstance(given, float) and not given.is_integer():
        raise ValueError("must be text or a whole number")
    return int(given) if isinstance(given, float) else given


MovieId = Annotated[int, Field(strict=True, ge=1, le=2**31 - 1)]
Ids = Annotated[list[MovieId], Field(max_length=MAX_IDS)]
ImdbId = Annotated[str, Field(pattern=r"^tt\d{1,10}$")]
ImdbIds = Annotated[list[ImdbId], Field(max_length=MAX_IDS)]
ManyIds = Annotated[list[MovieId], Field(max_length=MAX_RATINGS)]
GivenId = Annotated[ItemId, PlainValidator(_given_id), WithJsonSchema({"anyOf": [TEXT, {"type": "integer"}]})]
OwnIds = Annotated[list[GivenId], Field(max_length=MAX_IDS)]
Genre = Annotated[str, Field(min_length=1, max_length=50)]
Year = Annotated[int, Field(strict=True, ge=1870, le=2100)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


def _requires(name: str, min_items: int = 1, **others: dict[str, Any]) -> dict[str, Any]:
    """JSON schema of an object in which one list has entries, and other fields are restricted."""
    return {"required": [name], "properties": {name: {"minItems": min_items}, **others}}


def requires_one(name: str) -> dict[str, Any]:
    """JSON schema of an object in which one field is given, and not null."""
    return {"required": [name], "properties": {name: {"not": {"type": "null"}}}}


class FilmFilters(FrozenBaseModel, use_attribute_docstrings=True):  # parameters of a query, too
    """Restrictions by genre and year."""

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


class Filters(FilmFilters):
    """Restrictions on the recommended films. They apply before retrieval's cut, so answers stay full."""

    columns: Columns = EMPTY_DICT
    """Keep films that meet these conditions on columns of the catalogue; `genre` and `year` are columns too."""


class Boost(FrozenBaseModel):
    """A change of some films' place in the order."""

    movie_ids: Annotated[list[MovieId], Field(max_length=MAX_BOOSTED)] = EMPTY_LIST
    """The films, as MovieLens ids."""
    item_ids: Annotated[list[GivenId], Field(max_length=MAX_BOOSTED)] = EMPTY_LIST
    """The films, as the catalogue's own ids."""
    columns: Columns = EMPTY_DICT
    """Or all films that meet these conditions."""
    by: Annotated[float, Field(ge=-100, le=100, allow_inf_nan=False)]
    """Added to the score that orders the list: about 1 is noticeable, 10 decides. Below 0 it buries the films."""

    @model_validator(mode="after")
    def _is_of_something(self) -> Self:
        if bool(self.columns) == bool(self.movie_ids or self.item_ids):
            raise ValueError("give either movie_ids or item_ids, or columns: a boost is for films by one of them")
        return self


class Pin(FrozenBaseModel):
    """A film at a position of the answer. Give one of the ids."""

    movie_id: MovieId | None = OMITTED
    tmdb_id: MovieId | None = OMITTED
    item_id: GivenId | None = OMITTED
    """The catalogue's own id."""
    position: Annotated[int, Field(strict=True, ge=1, le=MAX_TOP_N)]
    """Position in the answer, from 1; a shorter answer has the film at its end."""

    @model_validator(mode="after")
    def _has_an_id(self) -> Self:
        if [self.movie_id, self.tmdb_id, self.item_id].count(None) != 2:
            raise ValueError("give one of movie_id, tmdb_id and item_id")
        return self


MaxPer = Annotated[int, Field(strict=True, ge=1, le=MAX_TOP_N)]
_T = TypeVar("_T")
Available = Annotated[list[_T], Field(min_length=1, max_length=MAX_AVAILABLE)] | None


class _Taste(FrozenBaseModel):
    tmdb_ids: Ids = EMPTY_LIST
    """Films that the person likes, as TMDB ids."""
    movie_ids: Ids = EMPTY_LIST
    """Films that the person likes, as MovieLens ids."""
    imdb_ids: ImdbIds = EMPTY_LIST
    """Films that the person likes, as IMDb ids: `tt0133093`."""
    item_ids: OwnIds = EMPTY_LIST
    """Items that the person likes, by the ids of the catalogue's own data, as text or numbers."""
    disliked_tmdb_ids: Ids = EMPTY_LIST
    """Films that the person dislikes, as TMDB ids: never recommended, and similar films rank lower."""
    disliked_movie_ids: Ids = EMPTY_LIST
    """Films that the person dislikes, as MovieLens ids."""
    disliked_imdb_ids: ImdbIds = EMPTY_LIST
    """Films that the person dislikes, as IMDb ids."""
    disliked_item_ids: OwnIds = EMPTY_LIST
    """Items that the person dislikes, by the ids of the catalogue's own data."""

    @property
    def n_seeds(self) -> int:
        """Number of liked films."""
        return len(self.tmdb_ids) + len(self.movie_ids) + len(self.imdb_ids) + len(self.item_ids)


class Person(_Taste):
    """One of several people who watch together."""

    # The JSON schema of what the validator checks.
    model_config = ConfigDict(json_schema_extra={"anyOf": [_requires(name) for name in SEEDS]})

    @model_validator(mode="after")
    def _has_seeds(self) -> Self:
        if not self.n_seeds:
            raise ValueError("give each person at least one film in tmdb_ids, movie_ids, imdb_ids or item_ids")
        return self


class Rating(FrozenBaseModel):
    """What a person says of one film: by one or more ids, with stars or without."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [requires_one(name) for name in FILM_IDS]})

    movie_id: MovieId | None = None
    """MovieLens id."""
    tmdb_id: MovieId | None = None
    """TMDB id."""
    imdb_id: ImdbId | None = None
    """IMDb id, such as `tt0133093`."""
    item_id: GivenId | None = None
    """The id that the catalogue's own data uses."""
    stars: Annotated[float, Field(ge=0.5, le=5, allow_inf_nan=False)] | None = None
    """0.5 to 5 stars; null without a rating."""
    at: Annotated[int, Field(strict=True, ge=0, le=4_102_444_800)] | date | None = None
    """When, in seconds since 1970 or as a date, `2024-11-30`: newer ratings count more."""
    seen: bool = True
    """False for a film on a watch list, say: never recommended either, and without effect."""

    @model_validator(mode="after")
    def _names_a_film(self) -> Self:
        if all(getattr(self, name) is None for name in FILM_IDS) and not getattr(self, "title", "").strip():
            raise ValueError("give each film an id, or a row its title")
        return self


_FOR_ONE = (*_Taste.model_fields, "ratings")


class RecommendationRequest(_Taste):
    """Request for recommendations: liked films, and options of the answer."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"tmdb_ids": [1585, 4935, 597], "top_n": 5}],
            "anyOf": [
                *(_requires(name, people=_EMPTY) for name in (*SEEDS, "ratings")),
                _requires("people", 2, several_interests={"const": False}, **dict.fromkeys(_FOR_ONE, _EMPTY)),
            ],
        },
    )

    people: Annotated[list[Person], Field(max_length=MAX_PEOPLE)] = EMPTY_LIST
    """2 to 8 people who watch together, instead of the lists above; the list takes all their tastes into account."""
    ratings: Annotated[list[Rating], Field(max_length=MAX_RATINGS)] = EMPTY_LIST
    """What one person has rated and seen; never recommended. High stars, by the person's own mean, count as likes, the
    lowest as dislikes, newer ones more (docs/your-ratings.md); without any stars each film seen counts as liked."""
    exclude_tmdb_ids: ManyIds = EMPTY_LIST
    """Films to leave out, such as seen or unavailable ones, as TMDB ids. They do not influence the ranking."""
    exclude_movie_ids: ManyIds = EMPTY_LIST
    """Films to leave out, as MovieLens ids."""
    exclude_imdb_ids: Annotated[list[ImdbId], Field(max_length=MAX_RATINGS)] = EMPTY_LIST
    """Films to leave out, as IMDb ids."""
    exclude_item_ids: Annotated[list[GivenId], Field(max_length=MAX_RATINGS)] = EMPTY_LIST
    """Items to leave out, by the ids of the catalogue's own data."""
    filters: Filters = Filters()
    """Restrictions on the recommended films."""
    top_n: Annotated[int, Field(strict=True, ge=1, le=MAX_TOP_N)] = 10
    """Number of films to return."""
    diversity: Share | None = None
    """Diversity of the list: 0 ranks by affinity alone, 1 by difference from the other films; default: the bundle's."""
    novelty: Share = NOVELTY
    """How much the order leaves out general popularity: 0 puts the most probable films first, which are mostly
    well-known ones, 1 the least obvious that still fit."""
    boost: Annotated[list[Boost], Field(max_length=20)] = EMPTY_LIST
    """Films to raise or bury. Their `affinity_score` stays the same; several boosts of a film add up."""
    pin: Annotated[list[Pin], Field(max_length=MAX_TOP_N)] = EMPTY_LIST
    """Films to show at given positions, unless they are excluded or filtered out: `notes` then says so."""
    only_movie_ids: Available[MovieId] = None
    """The only films that may be recommended, such as the available ones, as MovieLens ids; default: all."""
    only_item_ids: Available[GivenId] = None
    """The same as the catalogue's own ids; a film of either list may be recommended."""
    max_per: Annotated[dict[str, MaxPer], Field(max_length=5, examples=[{"series": 1, "brand": 2}])] = EMPTY_DICT
    """How many films there may be of each value of a column, such as one per series; others are not limited."""
    sort: Literal["fit", "affinity"] = "fit"
    """Order of the answer: `fit` as they were picked by `novelty`, or by `affinity_score`."""
    several_interests: bool = False
    """Divide the answer between very different tastes among the liked films, instead of using their average."""
    one_per_franchise: bool = False
    """At most one film of a series."""
    explain: bool = False
    """Add an explanation to each film, with the contribution of each liked film."""

    @model_validator(mode="after")
    def _is_for_one_or_several(self) -> Self:
        if not self.n_seeds:
            raise ValueError("give at least one film in tmdb_ids, movie_ids, imdb_ids, item_ids or ratings")
        if self.people and any(getattr(self, name) for name in _FOR_ONE):
            raise ValueError("give the films either of one person or in people, not both")
        if len(self.people) == 1:
            raise ValueError("people are at least two: give one person's films without people")
        if self.people and self.several_interests:
            raise ValueError("several_interests is for one person: leave it out or give no people")
        positions = [pin.position for pin in self.pin]
        if twice := next((one for one in positions if positions.count(one) > 1), None):
            raise ValueError(f"two pins have position {twice}: give each its own")
        if max(positions, default=0) > self.top_n:
            raise ValueError(f"a pin has position {max(positions)}, beyond top_n: give 1 to {self.top_n}")
        return self

    @property
    def n_seeds(self) -> int:
        """Number of liked films, of all people together, and of ratings."""
        return super().n_seeds + sum(person.n_seeds for person in self.people) + len(self.ratings)


class SeedContribution(FrozenBaseModel):
    """Contribution of one liked film (seed) to a film's score."""

    movie_id: int
    item_id: ItemId | None = OMITTED
    """Only of catalogues with ids of their own."""
    title: str
    contribution: float
    """Contribution in log-odds; negative if the seed counts against the film."""


class Explanation(FrozenBaseModel):
    """Exact explanation: the contributions of `because` and of `terms` sum to `score`."""

    score: float
    """Log-odds of `affinity_score`: affinity_score = 1 / (1 + exp(-score))."""
    because: list[SeedContribution]
    """One entry per seed, strongest first."""
    terms: dict[str, float]
    """Other terms: `prior` (the film's general appeal), `genre`, `year`, `popularity`, `dislikes`."""
    boost: float | None = OMITTED
    """What `boost` added to the film's place in the order, beside `score`; only if it did."""
    pinned: bool | None = OMITTED
    """Only if the film is here because of `pin`."""


class PersonAffinity(FrozenBaseModel):
    """Affinity of one of several people for a film."""

    affinity_score: float = Field(ge=0, le=1)
    """The affinity that the person alone would get."""
    explanation: Explanation | None = OMITTED
    """Only if the request has `explain`."""


class Movie(FrozenBaseModel):
    """A film of the catalogue."""

    movie_id: int
    """MovieLens id; of catalogues with ids of their own a number from 1, which may differ in the next version."""
    item_id: ItemId | None = OMITTED
    """The id of the catalogue's own data, where `movie_id` isn't it."""
    tmdb_id: int | None
    title: str
    year: int | None
    genres: list[str]
    imdb_id: str | None = OMITTED
    """Left out where it is not known."""


class Recommendation(Movie):
    """A recommended film."""

    affinity_score: float = Field(ge=0, le=1)
    """Calibrated probability: the share of people with similar liked films who liked a film with this score; it doesn't
    depend on filters or dials. For several people their mean, which is the share of them who are expected to like it.
    The list is not in its order, unless `sort` says so: what fits best is not what most people like."""
    explanation: Explanation | None = OMITTED
    """Only if the request has `explain` and is for one person."""
    for_people: list[PersonAffinity] | None = OMITTED
    """Only if the request has `people`: one entry per person, in their order."""


class Note(FrozenBaseModel):
    """What to know about a list, such as how thin the evidence for it is."""

    code: Literal["few_likes", "one_seed", "nothing_close", "not_pinned"]
    """`few_likes`: few people in the training data liked some of the seeds; `one_seed`: somebody named only one film;
    `nothing_close`: no film that may be recommended fits the seeds much more than it fits anybody; `not_pinned`: films
    of `pin` may not be recommended."""
    detail: str
    """The same as a sentence for people."""
    movie_ids: list[int]
    """The films that it is about."""
    item_ids: list[ItemId] | None = OMITTED
    """The same by the ids of the catalogue's own data, if it has such."""


class RecommendationResponse(FrozenBaseModel):
    """Recommendations and their origin."""

    recommendations: list[Recommendation]
    """Films in the order of `sort`; never a liked film."""
    served_by: Rung
    """Rung of the ladder that found the candidates: two_tower, item_cf or popularity; for several people the lowest."""
    degraded: list[str]
    """Reasons why the answer comes from a lower rung or is shorter than requested; usually empty."""
    notes: list[Note] = EMPTY_LIST
    """How thin the evidence is, where it is; usually empty for several well-known films."""
    unknown_ids: list[int | str]
    """Ids of the request that are not in the catalogue."""
    model_version: str
    request_id: str


class MovieDetails(Movie):
    """A film and its popularity."""

    likes: int
    """Number of people in the training data who rated it 4 or higher."""
    popularity_rank: int
    """Rank by likes, from 1; films with equally many likes share a rank."""
    n_films: int
    """Number of films in the catalogue."""
    model_version: str


class MovieList(FrozenBaseModel):
    """Films found by a search, or similar to one."""

    movies: list[Movie]
    model_version: str


class Problem(FrozenBaseModel, extra="ignore"):  # newer servers may add fields
    """An error in the form of RFC 9457."""

    type: str = "about:blank"
    code: str
    """Machine-readable kind of error, from a closed list (docs/api.md)."""
    title: str
    status: int
    detail: str
    """Description of the error, and the fix."""
    errors: list[dict[str, str]] = EMPTY_LIST
    """For invalid requests: `field` and `message` of each error."""
    request_id: str = ""


def response_json(response: BaseModel) -> bytes:
    """The bytes of a response body, the same in every runtime."""
    return response.model_dump_json().encode()
