"""The retrieval port, stage one: from seeds to candidates. Every retrieval tier implements `Retriever`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, Self

from marquee.api.contracts import Filters
from marquee.errors import UnknownGenre
from marquee.models import Array, Mask, Rows
from marquee.models.catalog import Catalog


class Candidates(NamedTuple):
    """(m,) MovieLens ids, best first, their scores, and the version of the bundle that they come from."""

    movie_ids: Rows
    scores: Array
    model_version: str


@dataclass(frozen=True)
class Where:
    """Which films may become candidates; applied before the cut, so that a filter never starves the answer."""

    genres_any: tuple[str, ...] = ()
    genres_none: tuple[str, ...] = ()
    year_min: int | None = None
    year_max: int | None = None
    exclude_movie_ids: tuple[int, ...] = ()

    @classmethod
    def of(cls, filters: Filters, exclude_movie_ids: tuple[int, ...] = ()) -> Self:
        """The filters of a request, and films to exclude."""
        return cls(
            tuple(filters.genres_any),
            tuple(filters.genres_none),
            filters.year_min,
            filters.year_max,
            exclude_movie_ids,
        )

    def mask(self, catalog: Catalog) -> Mask:
        """(n,) bool, True for the films that may be recommended, each once; UnknownGenre if no film has a genre."""
        allowed = catalog.distinct.copy()
        if self.genres_any:
            allowed &= catalog.genres[:, _columns(catalog, self.genres_any)].any(axis=1)
        if self.genres_none:
            allowed &= ~catalog.genres[:, _columns(catalog, self.genres_none)].any(axis=1)
        if self.year_min is not None:
            allowed &= catalog.years >= self.year_min
        if self.year_max is not None:
            allowed &= (catalog.years <= self.year_max) & (catalog.years > 0)
        rows, _ = catalog.rows_of_movies(self.exclude_movie_ids)
        allowed[catalog.same_film[rows]] = False
        return allowed


ANYWHERE = Where()


def _columns(catalog: Catalog, genres: Sequence[str]) -> list[int]:
    column = {name.casefold(): index for index, name in enumerate(catalog.genre_names)}
    if missing := [genre for genre in genres if genre.casefold() not in column]:
        raise UnknownGenre(
            f"no film has the genre {', '.join(map(repr, missing))}",
            fix=f"use one of {', '.join(catalog.genre_names)}",
        )
    return [column[genre.casefold()] for genre in genres]


@dataclass(frozen=True)
class Query:
    """The arguments of `Retriever.candidates`, for servers that answer many at once."""

    seed_movie_ids: tuple[int, ...]
    k: int
    where: Where = Where()


class Retriever(Protocol):
    """A retrieval tier."""

    def candidates(self, seed_movie_ids: Sequence[int], k: int, where: Where) -> Candidates:
        """The k films that fit the seeds best among those that `where` allows; fewer come back when it allows fewer.

        Seeds, at least one MovieLens id in any order, are excluded by `where`, not by the retriever.

        Raises:
            RetrievalUnavailable: And nothing else, whatever went wrong.
        """
        ...
