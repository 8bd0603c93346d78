"""The catalogue: what a bundle knows about each film, and the row numbers of ids."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from marquee.errors import UnknownMovie
from marquee.models import Array, Mask, Rows
from marquee.models.columns import Column, Labels, Numbers
from marquee.models.standardise import like_shares

ItemId = str | int
FILMS = ("film", "films")
Id = TypeVar("Id", bound=Hashable)
LEAST_SHARE = 1e-4  # of all likes, for genres that nobody likes


@dataclass(frozen=True)
class Catalog:
    """One row per film, or other item, in ascending order of `movie_ids`; every model's rows follow this order.

    Attributes:
        movie_ids: (n,) int64, MovieLens ids, strictly ascending.
        tmdb_ids: (n,) int64, TMDB ids; 0 where unknown.
        titles: n titles without the year, articles in reading order ("The Matrix").
        years: (n,) int16, year of release; 0 where unknown.
        genre_names: The g genre names, sorted.
        genres: (n, g) bool.
        popularity: (n,) int32, how many people of the training data rated the film 4 or more.
        item_ids: n ids as the data has them, where `movie_ids` can't hold them; these are 1 to n then.
        columns: Further columns of the data by name. `imdb_id` is the number in a film's IMDb id.
        noun: What an item is called, one and several.
        withdrawn: Rows of items that are not to be recommended or found any more.
    """

    movie_ids: Rows
    tmdb_ids: Rows
    titles: tuple[str, ...]
    years: NDArray[np.int16]
    genre_names: tuple[str, ...]
    genres: Mask
    popularity: NDArray[np.int32]
    item_ids: tuple[ItemId, ...] | None = None
    columns: Mapping[str, Column] = field(default_factory=dict)
    noun: tuple[str, str] = FILMS
    withdrawn: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.movie_ids)

    @cached_property
    def _row_of_movie(self) -> dict[int, int]:
        return {int(movie): row for row, movie in enumerate(self.movie_ids)}

    @cached_property
    def _row_of_tmdb(self) -> dict[int, int]:
        return {int(tmdb): int(row) for tmdb, row in zip(self.tmdb_ids, self.same_film, strict=True) if tmdb}

    @cached_property
    def _row_of_item(self) -> dict[str, int]:
        return {str(item): row for row, item in enumerate(self.item_ids or self.movie_ids.tolist())}

    def item_id(self, row: int) -> ItemId | None:
        """An item's id as the data has it, by its row; None where `movie_ids` are the data's own."""
        return None if self.item_ids is None else self.item_ids[row]

    @cached_property
    def imdb_ids(self) -> dict[int, int]:
        """The numbers in IMDb ids by row, where they are known."""
        column = self.columns.get("imdb_id")
        if not isinstance(column, Numbers):
            return {}
        return {row: int(column.values[row]) for row in np.flatnonzero(~np.isnan(column.values)).tolist()}

    @cached_property
    def _row_of_imdb(self) -> dict[int, int]:
        return {number: int(self.same_film[row]) for row, number in self.imdb_ids.items()}

    @cached_property
    def same_film(self) -> Rows:
        """(n,) int64: for each film the row of the most liked one with its TMDB or IMDb id, or its title and year.

        MovieLens has some films twice; to a person they are one. Other items may share a title and a year.
        """
        first: dict[object, int] = {}
        films = self.noun == FILMS
        tmdb_ids, years, rows = self.tmdb_ids.tolist(), self.years.tolist(), list(range(len(self)))
        imdb_ids = self.imdb_ids
        for row in np.argsort(-self.popularity, kind="stable").tolist():
            keys = [
                tmdb_ids[row] or None,
                f"tt{imdb_ids[row]}" if row in imdb_ids else None,
                (self.titles[row].casefold(), years[row]) if years[row] and films else None,
            ]
            rows[row] = next((first[key] for key in keys if key in first), row)
            for key in filter(None, keys):
                first.setdefault(key, rows[row])
        return np.array(rows, dtype=np.int64)

    @cached_property
    def distinct(self) -> Mask:
        """(n,) bool: films that stand for themselves in `same_film`, without those withdrawn."""
        found = self.same_film == np.arange(len(self))
        found[list(self.withdrawn)] = False
        return np.asarray(found)

    @cached_property
    def log_popularity(self) -> Array:
        """(n,) float32, standardised log(1 + popularity)."""
        value = np.log1p(self.popularity.astype(np.float32))
        return np.asarray((value - value.mean()) / (value.std() + 1e-6), dtype=np.float32)

    @cached_property
    def genre_matrix(self) -> Array:
        """(n, g) float32 of 0 and 1, `genres` for matrix products."""
        return self.genres.astype(np.float32)

    @cached_property
    def genre_vectors(self) -> Array:
        """(n, g) float32 rows of length 1, 0 without genres: each genre weighs -log of its share of all likes.

        As TF-IDF does: that two films are documentaries says more than that both are dramas.
        """
        shares = like_shares(self.popularity) @ self.genres
        vectors = self.genres * -np.log(np.clip(shares, LEAST_SHARE, 1.0))
        return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9), dtype=np.float32)

    @cached_property
    def genre_combinations(self) -> tuple[Mask, Rows]:
        """The c combinations of genres that occur, (c, g) bool, and (n,) int64, which of them each film has.

        They are few, so what follows from a film's genres is computed once for each combination.
        """
        _, first, of_film = np.unique(np.packbits(self.genres, axis=1), axis=0, return_index=True, return_inverse=True)
        return self.genres[first], of_film.reshape(-1)

    @cached_property
    def _vectors_of_combinations(self) -> Array:
        combinations, of_film = self.genre_combinations
        vectors = np.empty((len(combinations), self.genres.shape[1]), dtype=np.float32)
        vectors[of_film] = self.genre_vectors
        return np.asfortranarray(vectors)  # its columns are long, which makes a product with a vector fast

    def genre_similarity(self, seeds: Sequence[int]) -> Array:
        """(n,) float32 in [0, 1]: cosine of each film's genre vector and a seed's, the mean over the seeds."""
        # Sorted, here and below, so that the sum's rounding does not depend on the order of the seeds.
        wanted = self.genre_vectors[sorted(seeds)].mean(axis=0)
        _, of_film = self.genre_combinations
        return np.asarray((self._vectors_of_combinations @ wanted).take(of_film), dtype=np.float32)

    def year_similarity(self, seeds: Sequence[int], tau: float) -> Array:
        """(n,) float32: exp(-|difference in years to a seed| / tau), the mean over the seeds; 0 for unknown years."""
        years, at = self._unique_years
        if tau not in self._closeness:
            unknown = (years[:, None] <= 0) | (years <= 0)
            close = np.exp(-np.abs(years[:, None] - years) / np.float32(tau))
            self._closeness[tau] = np.where(unknown, np.float32(0), close)
        return np.asarray(self._closeness[tau][:, at[sorted(seeds)]].mean(axis=1).take(at), dtype=np.float32)

    @cached_property
    def _unique_years(self) -> tuple[Array, Rows]:
        # Films share few years: each year is compared with each other once.
        years, at = np.unique(self.years, return_inverse=True)
        return years.astype(np.float32), at

    @cached_property
    def _closeness(self) -> dict[float, Array]:
        return {}  # (y, y) similarities of the unique years, by tau

    def rows_of_movies(self, ids: Iterable[int]) -> tuple[list[int], list[int]]:
        """Rows of MovieLens ids, in their order, and the ids that no film has."""
        return _look_up(self._row_of_movie, ids)

    def row_of_movie(self, movie_id: int) -> int:
        """A film's row; UnknownMovie if no film has this MovieLens id."""
        if movie_id not in self._row_of_movie:
            kind = "MovieLens id" if self.noun == FILMS else "movie_id"
            raise UnknownMovie(f"no {self.noun[0]} has the {kind} {movie_id}", fix="search with /v1/movies?q=")
        return self._row_of_movie[movie_id]

    def movie_of_item(self, item_id: ItemId) -> int:
        """An item's `movie_id`, by its id as the data has it; UnknownMovie if no item has it, or it is withdrawn."""
        rows, _ = self.rows_of_items([item_id])
        if not rows or rows[0] in self.withdrawn:
            raise UnknownMovie(f"no {self.noun[0]} has the id {item_id!r}", fix="search with /v1/movies?q=")
        return int(self.movie_ids[rows[0]])

    def rows_of_items(self, ids: Iterable[ItemId]) -> tuple[list[int], list[ItemId]]:
        """Rows of ids as the data has them, in their order, and the ids that no item has; a number may be text."""
        rows, unknown = _look_up(self._row_of_item, given := {str(item): item for item in ids})
        return rows, [given[item] for item in unknown]

    def rows_of_imdb(self, ids: Iterable[int]) -> tuple[list[int], list[int]]:
        """Rows of the numbers in IMDb ids, in their order, and those that no film has."""
        return _look_up(self._row_of_imdb, ids)

    def rows_of(self, **ids: Iterable[Any]) -> tuple[list[int], list[ItemId]]:
        """Rows of films by ids of several kinds, in the order given, each film once, and the ids that no film has.

        The kinds are `movie_ids`, `tmdb_ids`, `imdb_ids` (as `tt0133093`) and `item_ids`.
        """
        look_up: dict[str, Callable[[Iterable[Any]], tuple[list[int], list[Any]]]] = {
            "movie_ids": self.rows_of_movies,
            "tmdb_ids": self.rows_of_tmdb,
            "imdb_ids": self._rows_of_imdb_texts,
            "item_ids": self.rows_of_items,
        }
        found = [look_up[kind](given) for kind, given in ids.items() if given]
        rows = dict.fromkeys(int(self.same_film[row]) for own, _ in found for row in own)
        return list(rows), [one for _, unknown in found for one in unknown]

    def _rows_of_imdb_texts(self, ids: Iterable[str]) -> tuple[list[int], list[str]]:
        given = {int(text[2:]): text for text in ids}
        rows, unknown = self.rows_of_imdb(given)
        return rows, [given[number] for number in unknown]

    def rows_named(
        self, film: object, kinds: Sequence[str] = ("movie_id", "item_id", "tmdb_id", "imdb_id")
    ) -> tuple[list[int], list[ItemId]]:
        """The same by those of an object's ids that are not None, such as a rating's."""
        return self.rows_of(**{f"{kind}s": [one] for kind in kinds if (one := getattr(film, kind, None)) is not None})

    def select(self, rows: Sequence[int]) -> "Catalog":
        """Some of the films, by row, without further columns."""
        at, own = np.array(rows, dtype=np.int64), self.item_ids
        return Catalog(
            self.movie_ids[at],
            self.tmdb_ids[at],
            tuple(self.titles[row] for row in rows),
            self.years[at],
            self.genre_names,
            self.genres[at],
            self.popularity[at],
            None if own is None else tuple(own[row] for row in rows),
            noun=self.noun,
        )

    def column(self, name: str) -> Column | None:
        """A column by its name, `genre` and `year` among them; None where there is none."""
        if name == "genre":
            return self.genre_column
        return self._year_column if name == "year" else self.columns.get(name)

    @cached_property
    def genre_column(self) -> Labels:
        """The genres as a column."""
        rows, of_row = np.nonzero(self.genres)
        indptr = np.searchsorted(rows, np.arange(len(self) + 1)).astype(np.int64)
        return Labels(self.genre_names, indptr, of_row.astype(np.int32))

    @cached_property
    def _year_column(self) -> Numbers:
        return Numbers(np.where(self.years > 0, self.years, np.nan).astype(np.float64))

    def rows_of_tmdb(self, ids: Iterable[int]) -> tuple[list[int], list[int]]:
        """Rows of TMDB ids, in their order, and the ids that no film has."""
        return _look_up(self._row_of_tmdb, ids)


def _look_up(rows: dict[Id, int], ids: Iterable[Id]) -> tuple[list[int], list[Id]]:
    unique = dict.fromkeys(ids)
    return [rows[known] for known in unique if known in rows], [unknown for unknown in unique if unknown not in rows]
