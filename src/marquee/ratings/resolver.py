"""From rows of ratings to films: by ids, or by titles and years; what isn't certain is a doubt, never a guess."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from marquee.api.ratings import RatingRow
from marquee.models.catalog import Catalog
from marquee.ratings.exports import split_year
from marquee.search import TitleIndex, fold
from marquee.search.text import core, names_of, series_of, subtitles_of

MOST_CHOICES = 4
MOST_TOLERANT = 50  # rows of one call that are compared with misspelt titles, which takes about 10 ms each
BETTER_KNOWN = 5
_SHORTEST = 4  # letters of a title that may be the beginning of another one


class Match(NamedTuple):
    """Rows of the catalogue that a title can mean, the likeliest first; whether the first is certain."""

    rows: Sequence[int] = ()
    is_certain: bool = False


@dataclass(frozen=True, eq=False)
class Resolver:
    """Finds the films of rows in one catalogue."""

    catalog: Catalog
    index: TitleIndex

    def match_all(self, rows: Iterable[RatingRow]) -> list[Match]:
        """Each row's match; misspelt titles are looked for in the first MOST_TOLERANT rows that match nothing else."""
        found, left = [], MOST_TOLERANT
        for row in rows:
            match = self.match(row)
            if not match.rows and left and row.title and not row.series:
                match, left = self._misspelt(row), left - 1
            found.append(match)
        return found

    def match(self, row: RatingRow) -> Match:
        """A row's films by its ids, or else by title and year."""
        title, year = split_year(row.title)
        year, names = row.year or year, names_of(title)
        if (by_id := self._by_id(row, names)) is not None:
            return Match([by_id], is_certain=True)
        if row.series or not names:
            return Match()
        rows = self._distinct(self.index.with_names(names).tolist())
        if not rows:
            return self._part_of_name(title, year)
        match = self._of_year(rows, year) if year else self._best_known(rows, fold(title))
        return match._replace(is_certain=match.is_certain and not self._has_other_id(match.rows[0], row))

    def _by_id(self, row: RatingRow, names: set[str]) -> int | None:
        catalog = self.catalog
        if rows := catalog.rows_named(row, ("item_id", "imdb_id", "tmdb_id"))[0]:
            return rows[0]
        if not row.movie_id or catalog.item_ids is not None:
            return None
        # A column of this name can hold anybody's numbers, so the title has to agree.
        by_movie, _ = catalog.rows_of_movies([row.movie_id])
        found = [at for at in by_movie if not names or names & names_of(catalog.titles[at])]
        return int(catalog.same_film[found[0]]) if found else None

    def _of_year(self, rows: list[int], year: int) -> Match:
        """Of films of one name those of the year, or else of the years beside it: sources differ by one."""
        for distance in (0, 1):
            near = [row for row in rows if abs(int(self.catalog.years[row]) - year) <= distance]
            if near:
                return Match(near[:MOST_CHOICES], len(near) == 1)
        return Match(rows[:MOST_CHOICES])

    def _part_of_name(self, title: str, year: int | None) -> Match:
        """Films of which the title is a part, such as "Star Wars"; certain if year and series agree with one alone."""
        folded = fold(title)
        if len(folded.replace(" ", "")) < _SHORTEST:
            return Match()
        rows = self._distinct(self.index.known_by(folded.split()).tolist())
        if year:
            rows = [row for row in rows if abs(int(self.catalog.years[row]) - year) <= 1]
        of_year = [row for row in rows if int(self.catalog.years[row]) == year]
        is_part = len(of_year) == 1 and core(folded) in self._parts(of_year[0])
        return Match(of_year, is_certain=True) if is_part else Match(rows[:MOST_CHOICES])

    def _parts(self, row: int) -> set[str]:
        title = self.catalog.titles[row]
        return {series_of(title), *subtitles_of(title)}

    def _misspelt(self, row: RatingRow) -> Match:
        title, year = split_year(row.title)
        year = row.year or year
        rows = self._distinct(self.index.nearly_called(fold(title)).tolist())
        return Match([at for at in rows if not year or abs(int(self.catalog.years[at]) - year) <= 1][:MOST_CHOICES])

    def _best_known(self, rows: list[int], name: str) -> Match:
        """The best known film of a name, unless another one, or a series of that name, is about as well known."""
        all_so_called = self._distinct([*rows, *self.index.called(name).tolist()])
        likes = self.catalog.popularity[all_so_called]
        alone = len(likes) == 1 or bool(likes[0] > BETTER_KNOWN * likes[1])
        return Match(all_so_called[:MOST_CHOICES], alone and all_so_called[0] == rows[0])

    def _has_other_id(self, found: int, row: RatingRow) -> bool:
        """Whether both have an id of one kind: it differs, since by the same one the row would have been found."""
        return bool((row.imdb_id and found in self.catalog.imdb_ids) or (row.tmdb_id and self.catalog.tmdb_ids[found]))

    def _distinct(self, rows: Iterable[int]) -> list[int]:
        """Each film once, the most popular first."""
        films = {int(self.catalog.same_film[row]) for row in rows}
        return sorted(films, key=lambda row: (-int(self.catalog.popularity[row]), row))
