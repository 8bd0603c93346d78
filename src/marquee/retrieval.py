"""Stage one: from seeds to candidates. The port that every retrieval tier implements, and the one in process."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from marquee.catalog import Catalog
from marquee.errors import RequestError
from marquee.two_tower import TwoTower

Candidates = tuple[NDArray[np.int64], NDArray[np.float32]]


@dataclass(frozen=True)
class Where:
    """Which films may become candidates; applied before the cut, so that a filter never starves the answer."""

    genres_any: tuple[str, ...] = ()
    genres_none: tuple[str, ...] = ()
    year_min: int | None = None
    year_max: int | None = None
    exclude_movie_ids: tuple[int, ...] = ()

    def mask(self, catalog: Catalog) -> NDArray[np.bool_]:
        """(n,) bool, True for the films that may be recommended.

        Raises:
            RequestError: A genre that the catalogue does not have.
        """
        allowed = np.ones(len(catalog), dtype=np.bool_)
        if self.genres_any:
            allowed &= catalog.genres[:, _columns(catalog, self.genres_any)].any(axis=1)
        if self.genres_none:
            allowed &= ~catalog.genres[:, _columns(catalog, self.genres_none)].any(axis=1)
        if self.year_min is not None:
            allowed &= catalog.years >= self.year_min
        if self.year_max is not None:
            allowed &= (catalog.years <= self.year_max) & (catalog.years > 0)
        rows, _ = catalog.rows_of_movies(self.exclude_movie_ids)
        allowed[rows] = False
        return allowed


def _columns(catalog: Catalog, genres: Sequence[str]) -> list[int]:
    column = {name.casefold(): index for index, name in enumerate(catalog.genre_names)}
    if missing := [genre for genre in genres if genre.casefold() not in column]:
        raise RequestError(
            f"no film has the genre {', '.join(map(repr, missing))}",
            fix=f"use one of {', '.join(catalog.genre_names)}",
        )
    return [column[genre.casefold()] for genre in genres]


class Retriever(Protocol):
    """A retrieval tier."""

    def candidates(self, seed_movie_ids: Sequence[int], k: int, where: Where) -> Candidates:
        """The k films that fit the seeds best among those that `where` allows.

        Args:
            seed_movie_ids: At least one MovieLens id of the catalogue, in any order.
            k: How many films to return; fewer come back when `where` allows fewer.
            where: Which films may be returned. Seeds are excluded by it, not by the retriever.

        Returns:
            (m,) int64 movie ids and (m,) float32 scores, best first.

        Raises:
            RetrievalUnavailable: And nothing else, whatever went wrong.
        """
        ...


class EmbeddedRetriever:
    """Exact search in process: one matrix-vector product over the whole catalogue."""

    def __init__(self, catalog: Catalog, tower: TwoTower) -> None:
        self._catalog = catalog
        self._tower = tower

    def candidates(self, seed_movie_ids: Sequence[int], k: int, where: Where) -> Candidates:
        """See `Retriever.candidates`."""
        seeds, _ = self._catalog.rows_of_movies(seed_movie_ids)
        rows, scores = top_k(self._tower.scores(seeds), k, where.mask(self._catalog))
        return self._catalog.movie_ids[rows], scores


def top_k(
    scores: NDArray[np.float32], k: int, allowed: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Rows of the k best allowed scores, best first, ties by row; and those scores."""
    rows = np.flatnonzero(allowed)
    values = scores[rows]
    if len(rows) > k:
        # Keep all that tie with the k-th, so that ties are broken by row and not by the partition.
        threshold = np.partition(values, len(values) - k)[len(values) - k]
        kept = values >= threshold
        rows, values = rows[kept], values[kept]
    order = np.argsort(-values, kind="stable")[:k]
    return rows[order], values[order]
