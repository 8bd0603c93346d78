"""Films: look-up, search by title, similar films, series, well-known films."""

import re
from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np

from marquee.api.contracts import Movie, MovieDetails
from marquee.api.ratings import Doubt, RatingRow, Resolved, ResolvedRow
from marquee.bundle.bundle import Bundle
from marquee.models import Array, Rows
from marquee.models.catalog import Catalog
from marquee.ratings import Resolver
from marquee.retrieval.exact import top_k
from marquee.retrieval.port import ANYWHERE, Where
from marquee.retrieval.taste import make_taste
from marquee.search import TitleIndex
from marquee.search.text import fold, without_articles
from marquee.wishes import Reader

N_WELL_KNOWN = 200
_BRACKETS = re.compile(r"\(([^()]*)\)")
_PARTS = re.compile(r": | - | – |\bepisode\b|\bpart\b|\bchapter\b|\bvolume\b|\bvol\b", re.IGNORECASE)
_HEROES = re.compile(r"^(\S+ \S.*?) and the \S", re.IGNORECASE)  # "Harry Potter and the ..."
_NUMBER = re.compile(r"^(\d{1,2}|i{1,3}|iv|vi{0,3}|ix|xi{0,3}|two|three|four|five|six)$")
# Least cosine of two films' vectors in the Two-Tower, and least Jaccard similarity of their genres, by how many words
# their titles share.
ONE_WORD, WORDS = (0.7, 0.5), (0.5, 0.0)


class Films:
    """The films of one bundle. Immutable and thread-safe.

    With a `base`, the films of the bundle that this one extends: its indexes, which take seconds to build, are shared.
    """

    def __init__(self, bundle: Bundle, base: "Films | None" = None) -> None:
        self._bundle = bundle
        self._base = base
        self.catalog = bundle.catalog
        self._tower = bundle.two_tower
        self._version = bundle.version

    def film(self, row: int) -> Movie:
        """A film, by its row of the catalogue."""
        return Movie.unchecked(self.fields(row))

    def fields(self, row: int) -> dict[str, Any]:
        """All fields of a `Movie`, in their order, by its row of the catalogue."""
        movies, tmdb, years, genres = self._columns
        return {
            "movie_id": movies[row],
            "item_id": self.catalog.item_id(row),
            "tmdb_id": tmdb[row] or None,
            "title": self.catalog.titles[row],
            "year": years[row] or None,
            "genres": genres[row],
            "imdb_id": f"tt{number:07d}" if (number := self.catalog.imdb_ids.get(row)) else None,
        }

    @cached_property
    def _columns(self) -> tuple[list[int], list[int], list[int], list[list[str]]]:
        """Ids, years and genres of all films as Python's own objects: each answer would convert them one by one."""
        catalog = self.catalog
        combinations, of_film = catalog.genre_combinations
        names = [[catalog.genre_names[at] for at in np.flatnonzero(genres)] for genres in combinations]
        ids = catalog.movie_ids.tolist(), catalog.tmdb_ids.tolist()
        return *ids, catalog.years.tolist(), [names[at] for at in of_film]

    def details(self, movie_id: int) -> MovieDetails:
        """A film, and how liked it is; UnknownMovie if no film has this MovieLens id."""
        row = self.catalog.row_of_movie(movie_id)
        likes, rank = int(self.catalog.popularity[row]), self._rank(row)
        return MovieDetails(
            **self.fields(row),
            likes=likes,
            popularity_rank=rank,
            n_films=len(self.catalog),
            model_version=self._version,
        )

    def search(self, query: str, limit: int) -> list[Movie]:
        """Films by title, best match first, the more popular first among equals."""
        found = self._titles.search(query, limit)
        if self._base is not None:
            rows, index = self._changed
            old = [row for row in found if row not in rows and self.catalog.distinct[row]]
            found = [row for at in index.search(query, limit) if self.catalog.distinct[row := int(rows[at])]] + old
        return [self.film(row) for row in found[:limit]]

    @cached_property
    def _changed(self) -> tuple[Rows, TitleIndex]:
        """(m,) int64 rows of films that the base lacks or calls otherwise, and an index of their titles."""
        before = self._base.catalog.titles if self._base else ()
        titles = self.catalog.titles
        rows = [row for row, title in enumerate(titles) if row >= len(before) or title is not before[row]]
        return np.array(rows, dtype=np.int64), TitleIndex(self.catalog.select(rows))

    def similar(self, movie_id: int, top_n: int, where: Where = ANYWHERE) -> list[Movie]:
        """Films like one film, best first: those that fit people who like it more than they fit anybody."""
        row = int(self.catalog.same_film[self.catalog.row_of_movie(movie_id)])
        allowed = where.mask(self.catalog)
        allowed[row] = False
        taste = make_taste(self._bundle, [row], where, allowed)
        return [self.film(int(other)) for other in top_k(taste.lift_score, top_n, allowed)[0]]

    @cached_property
    def franchises(self) -> Rows:
        """(n,) int64: films of one series share a number."""
        if self._base is not None:
            known = self._base.franchises
            return np.concatenate([known, np.arange(len(known), len(self.catalog))])
        return franchises(self.catalog, self._tower.unit_vectors)

    @cached_property
    def _titles(self) -> TitleIndex:
        # On first use: a Lambda never searches.
        return TitleIndex(self.catalog) if self._base is None else self._base._titles

    def _rank(self, row: int) -> int:
        """Rank by likes, from 1; films with equally many likes share one."""
        likes = self._ascending_likes
        return 1 + len(likes) - int(np.searchsorted(likes, self.catalog.popularity[row], side="right"))

    @cached_property
    def _ascending_likes(self) -> Rows:
        return np.sort(self.catalog.popularity)

    @cached_property
    def resolver(self) -> Resolver:
        """Finds the films of somebody's ratings."""
        return Resolver(self.catalog, self._titles)

    def resolve(self, rows: Sequence[RatingRow]) -> Resolved:
        """The films that rows of ratings are about, the rows that can mean several, and those that match none."""
        matches = list(enumerate(self.resolver.match_all(rows)))
        return Resolved(
            films=[
                ResolvedRow(row=at, movie=self.film(one.rows[0]), popularity_rank=self._rank(one.rows[0]))
                for at, one in matches
                if one.is_certain
            ],
            doubts=[
                Doubt(row=at, choices=[self.film(row) for row in one.rows])
                for at, one in matches
                if one.rows and not one.is_certain
            ],
            unknown=[at for at, one in matches if not one.rows],
            model_version=self._version,
        )

    @cached_property
    def reader(self) -> Reader:
        """Parses wishes in words about these films."""
        return Reader(self.catalog, self._titles, self._version) if self._base is None else self._base.reader


def well_known(catalog: Catalog, n: int, *, seed: int | None = None, genre: str | None = None) -> list[int]:
    """Rows of n (or fewer) well-known films at random, spread over the genres.

    Of the most liked ones, each next film is the first of a shuffled list whose genres were drawn least so far. The
    same seed draws the same films of a catalogue; None draws anew.
    """
    rows = np.flatnonzero(Where(genres_any=(genre,) if genre else ()).mask(catalog))
    rows = rows[np.lexsort((rows, -catalog.popularity[rows]))][: max(N_WELL_KNOWN, n)]
    left = [int(row) for row in np.random.default_rng(seed).permutation(rows)]
    drawn = np.zeros(len(catalog.genre_names))
    picked: list[int] = []
    while left and len(picked) < n:
        own = catalog.genres[left]
        at = int(np.argmin((own @ drawn) / np.maximum(own.sum(axis=1), 1)))  # times drawn, on average over its genres
        drawn += catalog.genres[left[at]]
        picked.append(left.pop(at))
    return picked


def franchises(catalog: Catalog, unit_vectors: Array) -> Rows:
    """(n,) int64 by titles and (n, d) vectors: films of one series share a number, which is the row of one of them.

    MovieLens has no series. Titles that differ only in a part's number or name are one ("Toy Story 2"), and so is a
    title that begins with another one ("Matrix Reloaded"), if the same people like both. Films that share a single word
    ("Heat", "The Heat") also have to be similar in genres. Series without a common title are not found.
    """
    by_stem: dict[tuple[str, ...], dict[int, bool]] = defaultdict(dict)
    for row, title in enumerate(catalog.titles):
        for stem, numbered in map(_stem, _names(title)):
            by_stem[stem][row] = numbered or by_stem[stem].get(row, False)
    pairs: list[tuple[int, int]] = []
    for stem, parts in by_stem.items():
        for one, other in combinations(parts, 2):
            if len(stem) > 1 or parts[one] or parts[other] or _akin(catalog, unit_vectors, one, other, 1):
                pairs.append((one, other))
        for length in range(1, len(stem)):
            for other in by_stem.get(stem[:length], ()):
                pairs += [(other, row) for row in parts if _akin(catalog, unit_vectors, other, row, length)]
    return _components(len(catalog), pairs)


def _akin(catalog: Catalog, unit_vectors: Array, one: int, other: int, words: int) -> bool:
    """Whether the same people like two films, and their genres agree, given how many words their titles share."""
    cosine, jaccard = ONE_WORD if words == 1 else WORDS
    if float(unit_vectors[one] @ unit_vectors[other]) < cosine:
        return False
    shared = int(np.count_nonzero(catalog.genres[one] & catalog.genres[other]))
    either = int(np.count_nonzero(catalog.genres[one] | catalog.genres[other]))
    return shared > 0 and shared >= jaccard * either


def _components(n: int, pairs: Sequence[tuple[int, int]]) -> Rows:
    """(n,) int64, each member's connected component, by its smallest member."""
    parent = list(range(n))

    def root(member: int) -> int:
        while parent[member] != member:
            parent[member] = parent[parent[member]]
            member = parent[member]
        return member

    for one, other in pairs:
        low, high = sorted((root(one), root(other)))
        parent[high] = low
    return np.array([root(member) for member in range(n)], dtype=np.int64)


def _names(title: str) -> list[str]:
    """The title, and those that it gives in brackets."""
    return [_BRACKETS.sub(" ", title), *(name.removeprefix("a.k.a. ") for name in _BRACKETS.findall(title))]


def _stem(name: str) -> tuple[tuple[str, ...], bool]:
    """A title's words up to what numbers or names a part, all if none would be left; and whether it is numbered."""
    cut = _PARTS.search(name)
    begin = name[: cut.start()] if cut else name
    if heroes := _HEROES.match(begin):
        begin = heroes[1]
    head = without_articles(fold(begin).split())
    if not head:
        return tuple(without_articles(fold(name).split())), False
    bare = head
    while len(bare) > 1 and _NUMBER.match(bare[-1]):
        bare = bare[:-1]
    return tuple(bare), len(bare) < len(head) or bool(cut and cut[0].isalpha())
