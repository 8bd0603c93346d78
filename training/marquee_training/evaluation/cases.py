"""Test requests: some of an unseen person's likes are the seeds, others are the targets to find."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

if TYPE_CHECKING:  # benchmarks/quality/child runs this file where only numpy and scipy are installed
    from marquee_training.interactions import Interactions

SEED_COUNTS = (1, 3, 5, 10)
MAIN_K = 5
LEAST_TARGETS = 2
HOLDOUT_MIN_POSITIVES = 5
HOLDOUT_TARGETS = 0.2


def seed_counts(min_positives: int) -> tuple[int, ...]:
    """Those of SEED_COUNTS that leave LEAST_TARGETS likes to find to people with this number of likes."""
    return tuple(k for k in SEED_COUNTS if k + LEAST_TARGETS <= min_positives)


def main_k(min_positives: int) -> int:
    """The number of seeds at which models are compared: MAIN_K, or the most below it that can be judged."""
    return max(k for k in seed_counts(min_positives) if k <= MAIN_K)


Case = tuple[int, NDArray[np.int32], NDArray[np.int32]]
"""A request: the person's row, the seeds' columns and the targets' columns, both ascending."""


@dataclass(frozen=True)
class Cases:
    """c requests, those of one person in a row: (c,) rows of people, and (c, n) CSR float32 matrices of ones."""

    people: NDArray[np.int64]
    seeds: sparse.csr_matrix
    targets: sparse.csr_matrix

    def __len__(self) -> int:
        return len(self.people)

    def __iter__(self) -> Iterator[Case]:
        for row, person in enumerate(self.people):
            yield int(person), columns_of(self.seeds, row), columns_of(self.targets, row)

    @property
    def n_targets(self) -> NDArray[np.int64]:
        """(c,) int64."""
        return np.asarray(np.diff(self.targets.indptr), dtype=np.int64)

    @property
    def unique_people(self) -> NDArray[np.int64]:
        """(p,) int64: each person once, in order of first appearance."""
        return self.people[np.sort(np.unique(self.people, return_index=True)[1])]

    def per_person(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mean over each person's requests: (c,) -> (p,) in the order of `unique_people`; NaN values are left out."""
        row_of = {person: row for row, person in enumerate(self.unique_people.tolist())}
        rows = np.array([row_of[person] for person in self.people.tolist()], dtype=np.int64)
        known = ~np.isnan(values)
        sums = np.bincount(rows[known], values[known], minlength=len(row_of))
        counts = np.bincount(rows[known], minlength=len(row_of))
        return np.asarray(np.divide(sums, counts, out=np.full(len(row_of), np.nan), where=counts > 0))


def columns_of(matrix: sparse.csr_matrix, row: int) -> NDArray[np.int32]:
    """Columns of a CSR matrix's row that hold a value."""
    return np.asarray(matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]], dtype=np.int32)


def pack(
    people: Sequence[int], seeds: Sequence[NDArray[np.int32]], targets: Sequence[NDArray[np.int32]], n_movies: int
) -> Cases:
    """Requests as matrices; the order of a request's seeds is lost, since no model may depend on it."""

    def matrix(parts: Sequence[NDArray[np.int32]]) -> sparse.csr_matrix:
        columns = np.concatenate([np.empty(0, dtype=np.int32), *parts])
        indptr = np.concatenate([[0], np.cumsum([len(part) for part in parts], dtype=np.int64)])
        ones = np.ones(len(columns), dtype=np.float32)
        built = sparse.csr_matrix((ones, columns, indptr), shape=(len(parts), n_movies))
        built.sort_indices()
        return built

    return Cases(np.array(people, dtype=np.int64), matrix(seeds), matrix(targets))


def holdout_cases(interactions: Interactions, people: NDArray[np.int64], **options: Any) -> Cases:
    """80 % of the likes as seeds, 20 % as targets (fold-in; Liang et al., WWW 2018); people with five likes or more."""
    return few_seed_cases(interactions, people, None, min_positives=HOLDOUT_MIN_POSITIVES, **options)


def few_seed_cases(
    interactions: Interactions,
    people: NDArray[np.int64],
    k: int | None,
    *,
    min_positives: int,
    draws: int,
    seed: int,
    max_people: int | None = None,
) -> Cases:
    """K random likes as seeds and all other likes as targets, for people with at least `min_positives` likes.

    A person's draws depend on their id, k and the random seed alone. None for k: see `holdout_cases`.
    """
    eligible = people[interactions.n_liked[people] >= min_positives]
    if max_people is not None and len(eligible) > max_people:
        eligible = np.sort(np.random.default_rng(seed).choice(eligible, max_people, replace=False))
    owners, seeds, targets = [], [], []
    for person in eligible.tolist():
        user = int(interactions.user_ids[person])
        rng = np.random.default_rng((seed, user) if k is None else (seed, user, k))
        for _ in range(draws):
            order = rng.permutation(interactions.liked(person))
            if k is None:  # targets first: this order is part of every published figure
                cut = max(1, int(HOLDOUT_TARGETS * len(order)))
                shown, hidden = order[cut:], order[:cut]
            else:
                shown, hidden = order[:k], order[k:]
            owners.append(person)
            seeds.append(shown)
            targets.append(hidden)
    return pack(owners, seeds, targets, interactions.n_movies)
