"""The retrieval port, stage one: from seeds to candidates. Every retrieval tier implements `Retriever`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, Self

import numpy as np

from marquee.api.conditions import Condition, Value
from marquee.api.contracts import Filters
from marquee.errors import RequestError, UnknownColumn, UnknownGenre
from marquee.models import Array, Mask, Rows
from marquee.models.catalog import Catalog
from marquee.models.columns import Column, Labels


class Candidates(NamedTuple):
    """(m,) MovieLens ids, best first, their scores, and the version of the bundle that they come from."""

    movie_ids: Rows
    scores: Array
    model_version: str


@dataclass(frozen=True)
class Where:
    """Which films may become candidates; applied before the cut, so that a filter never starves the answer.

    `only_movie_ids` are the only ones, without a limit if None; `columns` are conditions by the column's name.
    """

    genres_any: tuple[str, ...] = ()
    genres_none: tuple[str, ...] = ()
    year_min: int | None = None
    year_max: int | None = None
    exclude_movie_ids: tuple[int, ...] = ()
    only_movie_ids: tuple[int, ...] | None = None
    columns: Mapping[str, Condition] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        filters: Filters,
        exclude_movie_ids: tuple[int, ...] = (),
        only_movie_ids: tuple[int, ...] | None = None,
    ) -> Self:
        """The filters of a request, films to exclude, and those that are available."""
        return cls(
            tuple(filters.genres_any),
            tuple(filters.genres_none),
            filters.year_min,
            filters.year_max,
            exclude_movie_ids,
            only_movie_ids,
            filters.columns,
        )

    def mask(self, catalog: Catalog) -> Mask:
        """(n,) bool, True for the films that may be recommended, each once.

        Raises:
            RequestError: No film has a genre, there is no such column, or it isn't of the condition's kind.
        """
        allowed = catalog.distinct.copy()
        if self.genres_any or self.genres_none:
            _check_genres(catalog, (*self.genres_any, *self.genres_none))
            allowed &= meeting(catalog, "genre", Condition.model_construct(any=self.genres_any, none=self.genres_none))
        if self.year_min is not None or self.year_max is not None:
            allowed &= meeting(catalog, "year", Condition.model_construct(min=self.year_min, max=self.year_max))
        for name, condition in self.columns.items():
            allowed &= meeting(catalog, name, condition)
        if self.only_movie_ids is not None:
            available = np.zeros_like(allowed)
            available[catalog.same_film[np.isin(catalog.movie_ids, self.only_movie_ids)]] = True
            allowed &= available
        rows, _ = catalog.rows_of_movies(self.exclude_movie_ids)
        allowed[catalog.same_film[rows]] = False
        return allowed


ANYWHERE = Where()


def meeting(catalog: Catalog, name: str, condition: Condition) -> Mask:
    """(n,) bool: the items that meet a condition on a column.

    Raises:
        RequestError: There is no such column, or it isn't of the condition's kind.
    """
    column = column_of(catalog, name)
    allowed = np.ones(len(catalog), dtype=bool)
    if condition.any:
        allowed &= _having(name, column, condition.any)
    for value in condition.all:
        allowed &= _having(name, column, (value,))
    if condition.none:
        allowed &= ~_having(name, column, condition.none)
    if condition.min is not None or condition.max is not None:
        if isinstance(column, Labels):
            raise RequestError(f"the column {name!r} has words, so no min and max", fix="give any, all or none")
        allowed &= column.between(condition.min, condition.max)
    return allowed


def column_of(catalog: Catalog, name: str) -> Column:
    """A column by its name; UnknownColumn, with those that exist, where there is none."""
    if (column := catalog.column(name)) is None:
        names = ", ".join(sorted({"genre", "year", *catalog.columns}))
        raise UnknownColumn(f"the catalogue has no column {name[:40]!r}", fix=f"use one of {names}")
    return column


def _having(name: str, column: Column, values: Sequence[Value]) -> Mask:
    if isinstance(column, Labels):
        return column.having(value if isinstance(value, str) else f"{value:.15g}" for value in values)
    try:
        return column.having(float(value) for value in values)
    except ValueError:
        words = ", ".join(repr(value) for value in values if isinstance(value, str))
        raise RequestError(f"the column {name!r} has numbers, not {words[:100]}", fix="give numbers") from None


def _check_genres(catalog: Catalog, genres: Sequence[str]) -> None:
    known = {name.casefold() for name in catalog.genre_names}
    if missing := [genre for genre in genres if genre.casefold() not in known]:
        one, several = catalog.noun
        has = f"no {one} has the genre" if known else f"the {several} have no genres, so not"
        fix = f"use one of {', '.join(catalog.genre_names)}" if known else "leave out the filter of genres"
        raise UnknownGenre(f"{has} {', '.join(map(repr, missing))}", fix=fix)


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
