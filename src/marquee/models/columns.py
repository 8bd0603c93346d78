"""Columns of a catalogue beside titles, years and genres, as a team's own table of items has them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from marquee.models import Mask, Rows


@dataclass(frozen=True)
class Labels:
    """A column of words, of which each of n items has any number.

    Attributes:
        names: The c different words, sorted.
        indptr: (n + 1,) int64, where each item's words begin in `indices`.
        indices: int32 positions in `names`, ascending within an item.
    """

    names: tuple[str, ...]
    indptr: NDArray[np.int64]
    indices: NDArray[np.int32]

    @classmethod
    def of(cls, words: Sequence[Iterable[str]]) -> Self:
        """The column of each item's words."""
        names = tuple(sorted({word for own in words for word in own}))
        at = {name: index for index, name in enumerate(names)}
        own = [sorted({at[word] for word in of_item}) for of_item in words]
        indptr = np.concatenate([[0], np.cumsum([len(positions) for positions in own])]).astype(np.int64)
        return cls(names, indptr, np.array([index for positions in own for index in positions], dtype=np.int32))

    def __len__(self) -> int:
        return len(self.indptr) - 1

    @property
    def rows(self) -> Rows:
        """(e,) int64: the item of each entry of `indices`."""
        return np.repeat(np.arange(len(self)), np.diff(self.indptr))

    @property
    def flags(self) -> Mask:
        """(n, c) bool: which words each item has."""
        found = np.zeros((len(self), len(self.names)), dtype=np.bool_)
        found[self.rows, self.indices] = True
        return found

    def words(self, row: int) -> list[str]:
        """The words of one item, by its row of the catalogue."""
        return [self.names[at] for at in self.indices[self.indptr[row] : self.indptr[row + 1]]]

    def changed(self, n: int, words: Mapping[int, Sequence[str]]) -> Self:
        """The column of n items, at least as many as now, of which those in these rows have these words."""
        names = tuple(sorted({*self.names, *(word for own in words.values() for word in own)}))
        at = {name: index for index, name in enumerate(names)}
        moved = np.array([at[name] for name in self.names], dtype=np.int32)
        rows = self.rows
        stay = ~np.isin(rows, list(words))
        new = [(row, at[word]) for row, own in words.items() for word in dict.fromkeys(own)]
        added = np.array(new, dtype=np.int64).reshape(-1, 2)
        rows = np.concatenate([rows[stay], added[:, 0]])
        indices = np.concatenate([moved[self.indices[stay]], added[:, 1].astype(np.int32)])
        indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=n))])
        return type(self)(names, indptr, indices[np.lexsort((indices, rows))])

    def having(self, words: Iterable[str]) -> Mask:
        """(n,) bool: items with any of these words, whatever their case."""
        starts, rows = self._by_word
        found = np.zeros(len(self), dtype=bool)
        for word in words:
            for at in self._by_folded.get(word.casefold(), ()):
                found[rows[starts[at] : starts[at + 1]]] = True
        return found

    def groups(self, rows: Rows) -> tuple[Rows, Rows]:
        """(e,) int64 each: positions in `rows`, and a word of the item there, as its position in `names`."""
        lengths = self.indptr[rows + 1] - self.indptr[rows]
        before = np.cumsum(lengths) - lengths
        at = np.arange(lengths.sum()) + np.repeat(self.indptr[rows] - before, lengths)
        return np.repeat(np.arange(len(rows)), lengths), self.indices[at].astype(np.int64)

    @cached_property
    def _by_folded(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for at, name in enumerate(self.names):
            found.setdefault(name.casefold(), []).append(at)
        return found

    @cached_property
    def _by_word(self) -> tuple[Rows, Rows]:
        """(c + 1,) int64, where each word's items begin in the other array: their rows."""
        rows, order = self.rows, np.argsort(self.indices, kind="stable")
        return np.searchsorted(self.indices[order], np.arange(len(self.names) + 1)).astype(np.int64), rows[order]


@dataclass(frozen=True)
class Numbers:
    """A column of numbers: (n,) float64 `values`, NaN where unknown."""

    values: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.values)

    def changed(self, n: int, numbers: Mapping[int, float]) -> Self:
        """The column of n items, at least as many as now, of which those in these rows have these numbers."""
        values = np.concatenate([self.values, np.full(n - len(self), np.nan)])
        values[list(numbers)] = list(numbers.values())
        return type(self)(values)

    def having(self, numbers: Iterable[float]) -> Mask:
        """(n,) bool: items with any of these numbers."""
        return np.isin(self.values, list(numbers))

    def between(self, low: float | None, high: float | None) -> Mask:
        """(n,) bool: items whose number is known and within both ends, where these are given."""
        allowed = ~np.isnan(self.values) if low is None else self.values >= low
        if high is not None:
            allowed &= self.values <= high
        return np.asarray(allowed)

    def groups(self, rows: Rows) -> tuple[Rows, NDArray[np.float64]]:
        """(e,) each: positions in `rows` of the items whose number is known, and the numbers."""
        known = np.flatnonzero(~np.isnan(self.values[rows]))
        return known, self.values[rows[known]]


Column = Labels | Numbers
