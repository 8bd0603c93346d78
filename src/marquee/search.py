"""Search by title."""

import unicodedata

from marquee.catalog import Catalog


def fold(text: str) -> str:
    """Lower case without accents or punctuation, so that "amelie" finds "Amélie" and "wall e" finds "WALL·E"."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    spaced = "".join(" " if not c.isalnum() else c for c in plain if not unicodedata.combining(c))
    return " ".join(spaced.split())


class TitleIndex:
    """Every word of the query must begin a word of the title."""

    def __init__(self, catalog: Catalog) -> None:
        self._titles = [f" {fold(title)} " for title in catalog.titles]
        self._years = catalog.years
        self._popularity = catalog.popularity

    def search(self, query: str, limit: int) -> list[int]:
        """Rows of the catalogue, best match first: the whole title, its beginning, then any words in it.

        A year among the words ("heat 1995") narrows to that year, unless it is part of a title.
        """
        words = fold(query).split()
        if not words:
            return []
        found = self._matching(words)
        if not found and len(words) > 1 and words[-1].isdigit():
            year = int(words.pop())
            found = [row for row in self._matching(words) if int(self._years[row]) == year]
        phrase = f" {' '.join(words)}"
        rank = [
            (
                self._titles[row] != f"{phrase} ",
                not self._titles[row].startswith(phrase),
                -self._popularity[row],
            )
            for row in found
        ]
        return [found[position] for position in sorted(range(len(found)), key=rank.__getitem__)[:limit]]

    def _matching(self, words: list[str]) -> list[int]:
        starts = [f" {word}" for word in words]
        return [row for row, title in enumerate(self._titles) if all(start in title for start in starts)]
