"""From scores to lists, for many requests at once: the whole catalogue without the seeds, no sampled negatives.

Sampled negatives can reverse the order of models (Krichene and Rendle, KDD 2020).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

if TYPE_CHECKING:  # benchmarks/quality/child runs this file where only numpy and scipy are installed
    from marquee.models.item_cf import ItemCF
    from marquee.models.two_tower import TwoTower

Lists = NDArray[np.int64]
"""(b, n) columns of the catalogue, best first; -1 where a list is shorter than n."""
Scorer = Callable[[sparse.csr_matrix], NDArray[np.float32]]
"""(b, n) CSR seeds -> (b, n) scores of every film."""
Recommend = Callable[[sparse.csr_matrix, Sequence[int]], list[Lists]]
"""Seeds and list lengths -> for each length, a list per request."""

BLOCK = 4_000_000  # scores in memory at once


def by_scores(score: Scorer, *, allowed: NDArray[np.bool_] | None = None, ties: int | None = None) -> Recommend:
    """A recommender that ranks the `allowed` films, (n,) bool, by a score; `ties` as in `Question`."""

    def recommend(seeds: sparse.csr_matrix, lengths: Sequence[int]) -> list[Lists]:
        height = max(1, BLOCK // seeds.shape[1])
        parts = [np.empty((0, max(lengths)), dtype=np.int64)]
        for start in range(0, seeds.shape[0], height):
            shown = seeds[start : start + height]
            scores = np.array(score(shown), dtype=np.float32)
            if allowed is not None:
                scores[:, ~allowed] = -np.inf
            scores[shown.nonzero()] = -np.inf
            if ties is None:
                parts.append(top_n(scores, max(lengths)))
            else:
                order = shuffles(shown, ties)
                found = top_n(np.take_along_axis(scores, order, axis=1), max(lengths))
                parts.append(np.where(found >= 0, np.take_along_axis(order, found, axis=1), -1))
        longest = np.concatenate(parts)
        return [longest[:, :length] for length in lengths]

    return recommend


def shuffles(seeds: sparse.csr_matrix, seed: int) -> NDArray[np.int64]:
    """(b, n) a random order of the films for each request; it depends on the request's seeds and `seed` alone."""
    rows = [seeds.indices[seeds.indptr[row] : seeds.indptr[row + 1]].tolist() for row in range(seeds.shape[0])]
    return np.stack([np.random.default_rng((seed, *row)).permutation(seeds.shape[1]) for row in rows])


def top_n(scores: NDArray[np.float32], n: int) -> Lists:
    """(b, n) columns of each row's n best scores, best first, the lower column first among equals; -inf excludes.

    Raises:
        ValueError: A score is NaN or +inf.
    """
    if np.isnan(scores).any() or np.isposinf(scores).any():
        raise ValueError("a score is NaN or infinite, so films can't be ranked")
    b, m = scores.shape
    short = min(n, m)
    threshold = np.partition(scores, m - short, axis=1)[:, m - short, None]
    above = scores > threshold
    equal = scores == threshold
    room = short - above.sum(axis=1, keepdims=True)
    columns = np.nonzero(above | (equal & (np.cumsum(equal, axis=1) <= room)))[1].reshape(b, short)
    values = np.take_along_axis(scores, columns, axis=1)
    best = np.argsort(-values, axis=1, kind="stable")  # columns ascend, so equal scores keep that order
    lists = np.full((b, n), -1, dtype=np.int64)
    listed = np.take_along_axis(columns, best, axis=1)
    lists[:, :short] = np.where(np.take_along_axis(values, best, axis=1) > -np.inf, listed, -1)
    return lists


def hits_of(lists: Lists, targets: sparse.csr_matrix) -> NDArray[np.bool_]:
    """(b, n) bool: which places of each list hold a target; `targets` is (b, m) CSR with sorted indices."""
    if not targets.nnz:
        return np.zeros(lists.shape, dtype=np.bool_)
    m = targets.shape[1]
    wanted = np.repeat(np.arange(targets.shape[0], dtype=np.int64), np.diff(targets.indptr)) * m + targets.indices
    listed = np.arange(len(lists), dtype=np.int64)[:, None] * m + lists
    place = np.minimum(np.searchsorted(wanted, listed), len(wanted) - 1)
    return np.asarray((wanted[place] == listed) & (lists >= 0), dtype=np.bool_)


def tower_scores(tower: TwoTower) -> Scorer:
    """The Two-Tower's scores, computed as serving does, for many requests."""

    def score(seeds: sparse.csr_matrix) -> NDArray[np.float32]:
        sizes = np.diff(seeds.indptr).astype(np.float32)
        users = tower.encode_sums(np.asarray(seeds @ tower.seed_vectors, dtype=np.float32), sizes)
        return np.asarray(users @ tower.item_vectors.T + tower.item_bias, dtype=np.float32)

    return score


def item_cf_scores(view: ItemCF) -> Scorer:
    """An item-item view's scores, computed as serving does, for many requests."""
    arrays = view.arrays()
    n = len(view)
    if "factors" in arrays:
        return factor_scores(arrays["factors"])
    weights = sparse.csr_matrix((arrays["values"], arrays["indices"], arrays["indptr"]), shape=(n, n))
    prior = view.prior

    def score(seeds: sparse.csr_matrix) -> NDArray[np.float32]:
        sums = np.asarray((seeds @ weights).toarray(), dtype=np.float32)
        if prior is None:
            return sums
        return np.asarray(prior + sums / np.sqrt(np.diff(seeds.indptr))[:, None], dtype=np.float32)

    return score


def factor_scores(factors: NDArray[np.float32]) -> Scorer:
    """Seeds' rows of a factor matrix, times all of it."""
    return lambda seeds: np.asarray(np.asarray(seeds @ factors) @ factors.T, dtype=np.float32)
