"""Result of parsing a wish in words."""

from typing import Literal

from marquee.base_model import OMITTED, FrozenBaseModel

Kind = Literal["like", "dislike", "genre_any", "genre_none", "year_min", "year_max", "novelty", "diversity"]


class WishFilters(FrozenBaseModel):
    """Filters of a request, as far as they were understood."""

    genres_any: list[str] | None = OMITTED
    """At least one of these genres."""
    genres_none: list[str] | None = OMITTED
    """None of these genres."""
    year_min: int | None = OMITTED
    """This year or later."""
    year_max: int | None = OMITTED
    """This year or earlier."""


class Wish(FrozenBaseModel):
    """Body for `POST /v1/recommendations`, if it has `movie_ids`; fields that were not understood are left out."""

    movie_ids: list[int] | None = OMITTED
    """Films that the person likes, as MovieLens ids."""
    disliked_movie_ids: list[int] | None = OMITTED
    """Films that the person dislikes, as MovieLens ids."""
    filters: WishFilters | None = OMITTED
    """Restrictions on the recommended films."""
    novelty: float | None = OMITTED
    """Preference for lesser-known films."""
    diversity: float | None = OMITTED
    """Diversity of the list."""


class Choice(FrozenBaseModel):
    """Film that a part of a wish can mean."""

    movie_id: int
    label: str
    """Title and year, by which the same film is found if they are parsed."""


class Part(FrozenBaseModel):
    """Part of a wish that was understood."""

    text: str
    """Words of the sentence, as written."""
    kind: Kind
    """Kind of the part."""
    value: int | float | str
    """Value for the request: a film's MovieLens id, a genre, a year, or a number."""
    label: str
    """Short description, which is understood in the same way if it is parsed again."""
    choices: list[Choice] | None = OMITTED
    """Films that the words can mean, if `value` is only the likeliest of them: ask which one is meant."""


class Understood(FrozenBaseModel):
    """Result of parsing a wish."""

    request: Wish
    """Request made of all parts."""
    parts: list[Part]
    """Parts in the order of the sentence."""
    not_understood: list[str]
    """Words that were not understood, as written."""
    model_version: str
