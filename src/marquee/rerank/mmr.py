"""Maximal Marginal Relevance: trade each film's score against its likeness to the films already picked.

J. Carbonell and J. Goldstein, "The use of MMR, diversity-based reranking", SIGIR 1998. Scores are scaled to
[0, 1] within the request first, so that lambda means the same in every request.
"""

from collections.abc import Callable

import numpy as np

from marquee.models import Array, Rows

Series = Rows | None
"""(m,) int64, the same number for films of one series; None where it doesn't matter."""


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


def mmr(relevance: Array, likeness: Likeness, *, n: int, lam: float, series: Series = None) -> Rows:
    """Pick n of m candidates, or all if there are fewer, greedily by (m,) float32 relevance of any scale.

    `lam` = 1 picks by relevance alone, 0 by difference alone, after a first pick by relevance. Returns (k,) int64
    positions in the order of picking; ties go to the earlier candidate.
    """
    if len(relevance) == 0:
        return np.empty(0, dtype=np.int64)
    span = float(relevance.max() - relevance.min())
    scaled = (relevance - relevance.min()) / span if span > 0 else np.zeros_like(relevance)
    if lam >= 1.0 and series is None:
        return np.argsort(-scaled, kind="stable")[:n]
    worth = np.asarray(scaled, dtype=np.float32)
    return greedy(lambda _: worth, likeness, n=n, lam=lam, series=series)


def greedy(
    gain: Callable[[Rows], Array],
    likeness: Likeness,
    *,
    n: int,
    lam: float,
    series: Series = None,
) -> Rows:
    """Pick greedily: at each step the candidate with the most gain for the least likeness to those picked.

    `gain` is given the positions picked so far, and returns (m,) float32 in [0, 1]: what each candidate is worth now.
    """
    value = gain(np.empty(0, dtype=np.int64)).copy()
    nearest = np.full(len(value), -np.inf, dtype=np.float32)  # to what is picked so far
    free = np.zeros(len(value), dtype=np.float32)  # minus infinity once it isn't
    picked = np.empty(min(n, len(value)), dtype=np.int64)
    for step in range(len(picked)):
        best = int(np.argmax(value))
        picked[step] = best
        free[best if series is None else series == series[best]] = -np.inf
        np.maximum(nearest, likeness.to(best), out=nearest)
        value = lam * gain(picked[: step + 1])
        value -= (1 - lam) * nearest
        value += free
        if series is not None and value.max() == -np.inf:
            return picked[: step + 1]
    return picked
