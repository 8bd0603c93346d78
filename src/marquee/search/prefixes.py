"""A sorted list of keys, each with the films that it leads to."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]
_LAST = "\U0010ffff"  # sorts after whatever can follow


class Prefixes:
    """Finds keys by their beginning, in the time of two binary searches.

    Args:
        pairs: Key and row of the catalogue; a key can have many rows.
    """

    def __init__(self, pairs: Iterable[tuple[str, int]]) -> None:
        rows_of: defaultdict[str, list[int]] = defaultdict(list)
        for key, row in pairs:
            rows_of[key].append(row)
        self.keys = sorted(rows_of)
        found = [rows_of[key] for key in self.keys]
        self._start = np.cumsum([0, *map(len, found)])
        self._rows: Rows = np.fromiter((row for rows in found for row in rows), dtype=np.int64)

    def starting(self, prefix: str) -> Rows:
        """Rows of the keys that begin so; a row can come twice."""
        first, end = bisect_left(self.keys, prefix), bisect_left(self.keys, prefix + _LAST)
        return self._rows[self._start[first] : self._start[end]]

    def exactly(self, key: str) -> Rows:
        """Rows of this very key."""
        at = bisect_left(self.keys, key)
        return self.at([at]) if at < len(self.keys) and self.keys[at] == key else self._rows[:0]

    def at(self, positions: Sequence[int] | Rows) -> Rows:
        """Rows of keys by their positions."""
        if len(positions) == 0:
            return self._rows[:0]
        return np.concatenate([self._rows[self._start[at] : self._start[at + 1]] for at in positions])
