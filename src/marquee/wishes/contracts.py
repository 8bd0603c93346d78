"""Models of what was understood of a sentence."""

from typing import Literal

from marquee.api.contracts import OMITTED
from marquee.base_model import FrozenBaseModel

Kind = Literal[
    "like", "dislike", "genre_any", "genre_none", "year_min", "year_max", "novelty", "diversity"
]  # fmt: skip


class WishFilters(FrozenBaseModel):
    """As the filters of a request, but only those that were understood."""

    genres_any: list[str] | None = OMITTED
    """At least one of these genres."""
    genres_none: list[str] | None = OMITTED
    """None of these genres."""
    year_min: int | None = OMITTED
    """This year or later."""
    year_max: int | None = OMITTED
    """This year or earlier."""


class Wish(FrozenBaseModel):
    """A body for `POST /v1/recommendations` if it has `movie_ids`; what was not understood is left out."""

    movie_ids: list[int] | None = OMITTED
    """Films that the person likes, as MovieLens ids."""
    disliked_movie_ids: list[int] | None = OMITTED
    """Films that the person dislikes, as MovieLens ids."""
    filters: WishFilters | None = OMITTED
    """Which films may be recommended."""
    novelty: float | None = OMITTED
    """The popularity dial."""
    diversity: float | None = OMITTED
    """The dial for variety."""


class Part(FrozenBaseModel):
    """One thing that was understood."""

    text: str
    """The words, as written."""
    kind: Kind
    """What it is."""
    value: int | float | str
    """What goes into the request: a film's MovieLens id, a genre, a year, or a dial's value."""
    label: str
    """In few words, which mean the same when they are read again."""


class Understood(FrozenBaseModel):
    """What a sentence asks for."""

    request: Wish
    """The parts, put together."""
    parts: list[Part]
    """In the order of the sentence."""
    not_understood: list[str]
    """Words that nothing was made of, as written."""
    model_version: str
