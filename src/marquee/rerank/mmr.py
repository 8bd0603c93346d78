"""Maximal Marginal Relevance: trade each film's score against its likeness to the films already picked.

J. Carbonell and J. Goldstein, "The use of MMR, diversity-based reranking", SIGIR 1998. Scores are scaled to
[0, 1] within the request first, so that lambda means the same in every request.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from marquee.models import Array, Rows

ROUNDING = 1e-5  # of a likeness
_NONE = np.empty(0, dtype=np.int64)


class Limit(NamedTuple):
    """At most `most` films of each group; (e,) `positions` of candidates, and (e,) `groups` that these are in."""

    positions: Rows
    groups: NDArray[np.int64] | NDArray[np.float64]
    most: int


class Likeness:
    """How alike candidates are, in [-1, 1].

    `genre_weight` is the share of the genres' Jaccard similarity, (m, g) float32 of 0 and 1, against the cosine of
    `vectors`, (m, d) float32 unit rows.
    """

    def __init__(self, genres: Array, vectors: Array, genre_weight: float) -> None:
        self._genres, self._vectors, self._genre_weight = genres, vectors, genre_weight
        self._sizes = np.maximum(genres.sum(axis=1), 0.5)  # two films without genres have none in common, of 1

    def to(self, position: int) -> Array:
        """(m,) float32: of all candidates to one of them."""
        shared = self._genres @ self._genres[position]
        either = self._sizes + self._sizes[position] - shared
        alike: Array = self._vectors @ self._vectors[position]
        alike *= 1 - self._genre_weight
        alike += self._genre_weight * (shared / either)
        return alike

    def matrix(self) -> Array:
        """(m, m) float32: of all to all."""
        return np.stack([self.to(position) for position in range(len(self._genres))])


def mmr(
    relevance: Array,
    likeness: Callable[[Rows], Likeness],
    *,
    n: int,
    lam: float,
    scale: Array | None = None,
    limits: Sequence[Limit] = (),
    first: Rows = _NONE,
) -> Rows:
    """Pick n of m candidates, or all if there are fewer, greedily by (m,) float32 relevance of any scale.

    `likeness` is made for the positions that can be picked. `lam` = 1 picks by relevance alone, 0 by difference alone,
    after a first pick by relevance. `scale` are the scores
    whose range becomes [0, 1], if not those of `relevance`; the rest is as for `greedy`. Returns (k,) int64 positions
    in the order of picking; ties go to the earlier candidate.
    """
    if len(relevance) == 0:
        return _NONE
    scale = relevance if scale is None or len(scale) == 0 else scale
    span = float(scale.max() - scale.min()) or 1.0
    scaled = (relevance - scale.min()) / span
    if lam >= 1.0 and not limits and not len(first):
        return np.argsort(-scaled, kind="stable")[:n]
    worth = np.asarray(scaled, dtype=np.float32)
    if limits or len(first) or n >= len(worth):
        return greedy(lambda _: worth, likeness(np.arange(len(worth))), n=n, lam=lam, limits=limits, first=first)
    # While n films are picked, one of the n most relevant is free, and worth at least what it is when it is just like
    # another one. Whatever is worth less even when it is as different as can be is not picked.
    least = lam * np.partition(worth, -n)[-n] - (1 - lam) - ROUNDING
    able = np.flatnonzero(lam * worth + (1 - lam) >= least)
    contenders = worth[able]
    return able[greedy(lambda _: contenders, likeness(able), n=n, lam=lam)]


def greedy(
    gain: Callable[[Rows], Array],
    likeness: Likeness | None,
    *,
    n: int,
    lam: float,
    limits: Sequence[Limit] = (),
    first: Rows = _NONE,
) -> Rows:
    """Pick greedily: at each step the candidate with the most gain for the least likeness to those picked.

    `gain` is given the positions picked so far, and returns (m,) float32 in [0, 1]: what each candidate is worth now.
    Without `likeness` only the gain counts. The positions `first` are picked before all others, whatever the limits.
    """
    value = gain(_NONE).copy()
    nearest = np.full(len(value), -np.inf, dtype=np.float32)  # to what is picked so far
    free = np.zeros(len(value), dtype=np.float32)  # minus infinity once it isn't
    picked = np.empty(min(n, len(value)), dtype=np.int64)
    counts: list[Counter[float]] = [Counter() for _ in limits]
    for step in range(len(picked)):
        if limits and step >= len(first) and value.max() == -np.inf:
            return picked[:step]
        picked[step] = best = int(first[step] if step < len(first) else np.argmax(value))
        if step + 1 == len(picked):
            break
        free[best] = -np.inf
        for (positions, groups, most), count in zip(limits, counts, strict=True):
            for group in groups[positions == best].tolist():
                count[group] += 1
                if count[group] == most:
                    free[positions[groups == group]] = -np.inf
        value = lam * gain(picked[: step + 1])
        if likeness is not None:
            np.maximum(nearest, likeness.to(best), out=nearest)
            value -= (1 - lam) * nearest
        value += free
    return picked
