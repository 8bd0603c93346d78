"""Which films are parts of one series, by their titles: "Toy Story" and "Toy Story 2", "Matrix" and "Matrix Reloaded".

MovieLens doesn't say. Titles that are the same but for what numbers or names a part make a series, and so does a title
that begins with another one, if the same people like both. A single word says little ("Heat", "The Heat"): there, the
films have to be alike in genres and by people's taste. It can't know of series whose titles tell nothing, such as
James Bond's.
"""

import re
from collections import defaultdict
from itertools import combinations

import numpy as np

from marquee.models import Array, Rows
from marquee.models.catalog import Catalog
from marquee.search.text import fold, without_articles

_BRACKETS = re.compile(r"\(([^()]*)\)")
_PARTS = re.compile(r": | - | – |\bepisode\b|\bpart\b|\bchapter\b|\bvolume\b|\bvol\b", re.IGNORECASE)
_HEROES = re.compile(r"^(\S+ \S.*?) and the \S", re.IGNORECASE)  # "Harry Potter and the ..."
_NUMBER = re.compile(r"^(\d{1,2}|i{1,3}|iv|vi{0,3}|ix|xi{0,3}|two|three|four|five|six)$")
# Least cosine of two films' vectors in the Two-Tower, and least Jaccard similarity of their genres, by how many words
# their titles share.
ONE_WORD, WORDS = (0.7, 0.5), (0.5, 0.0)


def franchises(catalog: Catalog, unit_vectors: Array) -> Rows:
    """(n,) int64: films of one series share a number, which is the row of one of them.

    Args:
        catalog: The films.
        unit_vectors: (n, d) float32, unit rows: films that the same people like are close.
    """
    by_stem: dict[tuple[str, ...], dict[int, bool]] = defaultdict(dict)
    for row, title in enumerate(catalog.titles):
        for stem, numbered in map(_stem, _names(title)):
            by_stem[stem][row] = numbered or by_stem[stem].get(row, False)
    series = _Joined(len(catalog))
    akin = _Akin(catalog, unit_vectors)
    for stem, parts in by_stem.items():
        for one, other in combinations(parts, 2):
            if len(stem) > 1 or parts[one] or parts[other] or akin(one, other, 1):
                series.join(one, other)
        for length in range(1, len(stem)):
            for other in by_stem.get(stem[:length], ()):
                for row in parts:
                    if akin(other, row, length):
                        series.join(other, row)
    return series.roots()


class _Akin:
    """Whether the same people like two films, and their genres agree; by how many words their titles share."""

    def __init__(self, catalog: Catalog, unit_vectors: Array) -> None:
        self._genres, self._vectors = catalog.genres, unit_vectors

    def __call__(self, one: int, other: int, words: int) -> bool:
        cosine, jaccard = ONE_WORD if words == 1 else WORDS
        if float(self._vectors[one] @ self._vectors[other]) < cosine:
            return False
        shared = int(np.count_nonzero(self._genres[one] & self._genres[other]))
        either = int(np.count_nonzero(self._genres[one] | self._genres[other]))
        return shared > 0 and shared >= jaccard * either


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


class _Joined:
    """Disjoint sets, by the smallest member."""

    def __init__(self, n: int) -> None:
        self._parent = list(range(n))

    def _root(self, member: int) -> int:
        while self._parent[member] != member:
            self._parent[member] = self._parent[self._parent[member]]
            member = self._parent[member]
        return member

    def join(self, one: int, other: int) -> None:
        low, high = sorted((self._root(one), self._root(other)))
        self._parent[high] = low

    def roots(self) -> Rows:
        return np.array([self._root(member) for member in range(len(self._parent))], dtype=np.int64)
