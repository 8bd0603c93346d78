"""What was understood of a sentence."""

from typing import Any, Literal

from pydantic import Field

from marquee.base_model import FrozenBaseModel

Kind = Literal[
    "like", "dislike", "genre_any", "genre_none", "year_min", "year_max", "novelty", "diversity"
]  # fmt: skip


def _absent(value: object) -> bool:
    return value is None


def _if_understood() -> Any:
    return Field(default=None, exclude_if=_absent)


class WishFilters(FrozenBaseModel):
    """As the filters of a request, but only those that were understood."""

    genres_any: list[str] | None = _if_understood()
    """At least one of these genres."""
    genres_none: list[str] | None = _if_understood()
    """None of these genres."""
    year_min: int | None = _if_understood()
    """This year or later."""
    year_max: int | None = _if_understood()
    """This year or earlier."""


class Wish(FrozenBaseModel):
    """A body for `POST /v1/recommendations` if it has `movie_ids`; what was not understood is left out."""

    movie_ids: list[int] | None = _if_understood()
    """Films that the person likes, as MovieLens ids."""
    disliked_movie_ids: list[int] | None = _if_understood()
    """Films that the person dislikes, as MovieLens ids."""
    filters: WishFilters | None = _if_understood()
    """Which films may be recommended."""
    novelty: float | None = _if_understood()
    """The popularity dial."""
    diversity: float | None = _if_understood()
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
