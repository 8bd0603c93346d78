"""Search by title."""

from collections.abc import Iterable
from difflib import SequenceMatcher
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from marquee.models import Rows
from marquee.models.catalog import Catalog
from marquee.search import text
from marquee.search.typos import Typos, edits_allowed

_ENOUGH = 3  # with fewer exact matches than this, tolerant ones follow them
_LONG = 12
_COMPARED, _SURELY = 30, 0.85
_NO_MATCH = 1000
_LONG_ENOUGH_TO_BE_JOINED = 4
_BETTER_KNOWN = 5
_DIGITS_OF_A_YEAR, _MOST_PARTS = 4, 20


class TitleIndex:
    """Search by title: every word of the query, without outer articles, must be a prefix of a word of the title.

    Names may be written as one word ("spiderman"), initials without points ("et"). If that finds too little, words may
    be misspelt, joined ("schindlers list") or spelt differently ("rocky 2", "twelve angry men", "doctor strangelove").
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        titles = catalog.titles
        folded = [text.fold(title) for title in titles]
        words = [title.split() for title in folded]
        names = [text.names_of(title) for title in titles]
        self._titles = _index(
            {title, text.fold(text.without_brackets(full))} for title, full in zip(folded, titles, strict=True)
        )
        self._cores = _index([text.core(title)] for title in folded)
        self._names = _index(names)
        self._squeezed = _index({name.replace(" ", "") for name in of_film} for of_film in names)
        self._series = _index({text.series_of(title)} - {""} for title in titles)
        self._subtitles = _index(map(text.subtitles_of, titles))
        self._initials = _index(map(text.initials_of, titles))
        self._words = _index(map(set, words))
        # Neighbouring words as one: "spiderman", "schindlers".
        self._joined = _index([first + second for first, second in pairwise(title)] for title in words)
        self._n_words = np.array([len(text.without_articles(title)) for title in words])
        self._typos = Typos(self._words.keys)

    def search(self, query: str, limit: int) -> list[int]:
        """Rows of the catalogue, best match first: the whole title, its beginning, then any words in it.

        Exact matches come before tolerant ones, popular films first among equals. A year at the end ("heat 1995")
        limits the search to that year, or else to the years next to it, unless it is part of a title. The number of an
        unknown sequel is ignored.
        """
        words = text.fold(query).split()
        if not words:
            return []
        found = self._search(words, limit)
        if not found and len(words) > 1 and words[-1].isdecimal():
            number = int(words[-1])
            if len(words[-1]) == _DIGITS_OF_A_YEAR:
                beside = (self._search([*words[:-1], str(other)], limit) for other in (number - 1, number + 1))
                found = [row for rows in beside for row in rows][:limit]
            elif number < _MOST_PARTS:
                found = self._search(words[:-1], limit)
        return found

    def _search(self, words: list[str], limit: int) -> list[int]:
        last = words[-1]
        year = int(last) if len(words) > 1 and len(last) == _DIGITS_OF_A_YEAR and last.isdecimal() else None
        found, whole = self._exact(words, None)
        if not found and year:
            words = words[:-1]
            found, whole = self._exact(words, year)
        elif year:
            year = None  # it is a word of the title
        # A short name that was found whole has neighbours by chance only; a long one is the neighbour of its namesakes.
        alone = whole and sum(map(len, words)) < _LONG and not any(map(text.spelling_variants, words))
        if len(found) < min(limit, _ENOUGH) and not alone:
            exact = set(found)
            found += [row for row in self._tolerant(words, year) if row not in exact]
        return found[:limit]

    def called(self, name: str) -> Rows:
        """Rows of the films that are called so, the most popular first; `name` is folded, articles don't count.

        Of a series, "star wars", every film is called so, unless a film of just that name is about as well known.
        """
        words = text.without_articles(name.split())
        name = " ".join(words)
        rows = np.concatenate([self._names.exactly(name), self._series_called(words)])
        if len(rows) == 0 and len(name) >= _LONG_ENOUGH_TO_BE_JOINED:
            rows = self._initials.exactly(name)
        return self._by_popularity(np.unique(rows))

    def namesakes(self, name: str) -> Rows:
        """Rows of the films whose own name this is, the most popular first; without those of a series of that name."""
        return self.with_names([text.core(name)])

    def with_names(self, names: Iterable[str]) -> Rows:
        """Rows of the films that have one of these names, as `text.names_of` writes them, the most popular first."""
        return self._by_popularity(np.unique(np.concatenate([self._names.exactly(name) for name in names])))

    def known_by(self, words: list[str]) -> Rows:
        """Rows of films whose name begins with these words ("harry potter"), or with this subtitle, by popularity."""
        name = " ".join(text.without_articles(words))
        rows = np.concatenate([self._names.starting(f"{name} "), self._subtitles.exactly(name)])
        return self._by_popularity(np.unique(rows))

    def with_word(self, word: str) -> Rows:
        """Rows of the films that have this very word in their title, popular ones first."""
        return self._by_popularity(np.unique(self._words.exactly(word)))

    def nearly_called(self, name: str) -> Rows:
        """Rows of the films of a name so close to a folded one that it must be a misspelling, the closest first."""
        words = name.split()
        if not words:
            return np.zeros(0, dtype=np.int64)
        wanted = text.core(name)

        def is_close(title: str) -> bool:
            names = {*text.names_of(title), text.series_of(title)}
            return max(SequenceMatcher(None, wanted, other).ratio() for other in names) >= _SURELY

        found = self._tolerant(words, None)[:_COMPARED]
        return np.array([row for row in found if is_close(self._catalog.titles[row])], dtype=np.int64)

    def _series_called(self, words: list[str]) -> Rows:
        """Rows of the series of this name; none if a film of just that name is about as well known, or has one word."""
        name = " ".join(words)
        namesakes, series = self._names.exactly(name), self._series.exactly(name)
        likes = self._catalog.popularity
        beaten = likes[series].max(initial=0) > _BETTER_KNOWN * likes[namesakes].max(initial=0)
        return series if len(namesakes) == 0 or (len(words) > 1 and beaten) else series[:0]

    def _by_popularity(self, rows: Rows) -> Rows:
        return rows[np.argsort(-self._catalog.popularity[rows], kind="stable")]

    def _exact(self, words: list[str], year: int | None) -> tuple[list[int], bool]:
        """Rows in order, and whether the query is all of what the first of them is called."""
        inner = text.without_articles(words)
        match = np.ones(len(self._catalog), dtype=np.bool_)
        for word in inner:
            has = np.zeros_like(match)
            has[self._words.starting(word)] = True
            match &= has
        phrase, core_phrase, joined = " ".join(words), " ".join(inner), "".join(inner)
        tier = np.full(len(match), 4)
        if len(inner) == 1 and len(joined) >= _LONG_ENOUGH_TO_BE_JOINED:
            match[self._squeezed.starting(joined)] = True
            tier[self._squeezed.starting(joined)] = 2
            tier[self._squeezed.exactly(joined)] = 1
        if len(inner) == 1:
            match[self._initials.exactly(joined)] = True
            tier[self._initials.exactly(joined)] = 2
        if year is not None:
            match &= self._catalog.years == year
        # From the loosest to the strictest, so that the strictest has the last word.
        tier[self._cores.starting(core_phrase)] = 3 if inner != words else 2
        tier[self._titles.starting(phrase)] = 2
        tier[self._names.exactly(core_phrase)] = 1
        tier[self._titles.exactly(phrase)] = 0
        if len(inner) > 1:
            tier[self._series_called(inner)] = 0
        found = self._ordered(np.flatnonzero(match), tier)
        return found, bool(found) and int(tier[found[0]]) <= 1

    def _tolerant(self, words: list[str], year: int | None) -> list[int]:
        """Rows by how far they are from the query; none where a word is close to nothing."""
        inner = [word for word in text.without_articles(words) if word != "and"] or words
        far = np.zeros(len(self._catalog), dtype=np.int64)
        for word in inner:
            far += self._distance(word, alone=len(inner) == 1)
        if year is not None:
            far[self._catalog.years != year] = _NO_MATCH
        longer = self._n_words != len(inner)
        return self._ordered(np.flatnonzero(far < _NO_MATCH), 2 * far + longer)

    def _distance(self, word: str, *, alone: bool) -> NDArray[np.int64]:
        """(n,) int64: by how many edits a word of each title differs from this one; joining two words counts as one."""
        far = np.full(len(self._catalog), _NO_MATCH)
        near, edits = self._typos.near(word, edits_allowed(word, alone=alone))
        for count in (2, 1):
            far[self._words.at(near[edits == count])] = count
        far[self._joined.starting(word)] = 1
        for other in text.spelling_variants(word):
            far[self._words.exactly(other)] = 1
        far[self._words.starting(word)] = 0
        return far

    def _ordered(self, rows: Rows, tier: NDArray[np.int64]) -> list[int]:
        rows = rows[self._catalog.distinct[rows]]
        order = np.lexsort((rows, -self._catalog.popularity[rows], tier[rows]))
        return [int(row) for row in rows[order]]


def _index(keys: Iterable[Iterable[str]]) -> text.Prefixes:
    """Index of the keys of each row."""
    return text.Prefixes((key, row) for row, of_row in enumerate(keys) for key in of_row)
