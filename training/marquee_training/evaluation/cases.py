"""The requests that every model is asked: a few films of a person never seen, which others do they like?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from marquee_training.interactions import Interactions

SEED_COUNTS = (1, 3, 5, 10)
MAIN_K = 5
HOLDOUT_MIN_POSITIVES = 5
HOLDOUT_TARGETS = 0.2


@dataclass(frozen=True)
class Case:
    """One request: some of a person's likes as seeds, others as targets; columns of the catalogue, ascending."""

    person: int
    seeds: NDArray[np.int32]
    targets: NDArray[np.int32]


@dataclass(frozen=True)
class Cases:
    """c requests, those of one person one after the other.

    Attributes:
        people: (c,) int64, who asks.
        seeds: (c, n) CSR float32 of ones, what is shown.
        targets: (c, n) CSR float32 of ones, what is to be found.
    """

    people: NDArray[np.int64]
    seeds: sparse.csr_matrix
    targets: sparse.csr_matrix

    def __len__(self) -> int:
        return len(self.people)

    def __iter__(self) -> Iterator[Case]:
        for row, person in enumerate(self.people):
            yield Case(int(person), _columns(self.seeds, row), _columns(self.targets, row))

    @property
    def n_targets(self) -> NDArray[np.int64]:
        """(c,) int64."""
        return np.asarray(np.diff(self.targets.indptr), dtype=np.int64)

    @property
    def asked(self) -> NDArray[np.int64]:
        """(p,) int64: each person once, in order of first appearance."""
        return self.people[np.sort(np.unique(self.people, return_index=True)[1])]

    def per_person(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """(p,) float64: each person's mean over their requests, in the order of `asked`; NaN where all of them are.

        Args:
            values: (c,), NaN where a request has no such value.
        """
        row_of = {person: row for row, person in enumerate(self.asked.tolist())}
        rows = np.array([row_of[person] for person in self.people.tolist()], dtype=np.int64)
        known = ~np.isnan(values)
        sums = np.bincount(rows[known], values[known], minlength=len(row_of))
        counts = np.bincount(rows[known], minlength=len(row_of))
        return np.asarray(np.divide(sums, counts, out=np.full(len(row_of), np.nan), where=counts > 0))


def _columns(matrix: sparse.csr_matrix, row: int) -> NDArray[np.int32]:
    return np.asarray(matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]], dtype=np.int32)


def pack(
    people: Sequence[int], seeds: Sequence[NDArray[np.int32]], targets: Sequence[NDArray[np.int32]], n_movies: int
) -> Cases:
    """Requests as matrices; the order of a request's seeds is lost, since nothing may depend on it."""

    def matrix(parts: Sequence[NDArray[np.int32]]) -> sparse.csr_matrix:
        sizes = [len(part) for part in parts]
        columns = np.concatenate([np.empty(0, dtype=np.int32), *parts])
        indptr = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
        built = sparse.csr_matrix(
            (np.ones(len(columns), dtype=np.float32), columns, indptr), shape=(len(parts), n_movies)
        )
        built.sort_indices()
        return built

    return Cases(np.array(people, dtype=np.int64), matrix(seeds), matrix(targets))


def able(
    interactions: Interactions, people: NDArray[np.int64], min_positives: int, max_people: int | None, seed: int
) -> NDArray[np.int64]:
    """Those of the people who have enough likes; at random at most so many of them."""
    enough = people[interactions.n_liked[people] >= min_positives]
    if max_people is not None and len(enough) > max_people:
        enough = np.sort(np.random.default_rng(seed).choice(enough, max_people, replace=False))
    return enough


def few_seed_cases(
    interactions: Interactions,
    people: NDArray[np.int64],
    k: int,
    *,
    min_positives: int,
    draws: int,
    seed: int,
    max_people: int | None = None,
) -> Cases:
    """K random likes as seeds, all others as targets; people with enough likes, so that every k asks the same ones.

    A person's draws depend on their id, k and the random seed alone, never on who else is asked.
    """
    owners, seeds, targets = [], [], []
    for person in able(interactions, people, min_positives, max_people, seed):
        rng = np.random.default_rng((seed, int(interactions.user_ids[person]), k))
        for _ in range(draws):
            order = rng.permutation(interactions.liked(int(person)))
            owners.append(int(person))
            seeds.append(order[:k])
            targets.append(order[k:])
    return pack(owners, seeds, targets, interactions.n_movies)


def holdout_cases(
    interactions: Interactions,
    people: NDArray[np.int64],
    *,
    draws: int,
    seed: int,
    max_people: int | None = None,
) -> Cases:
    """80 % of the likes as seeds, 20 % as targets (fold-in; Liang et al., WWW 2018); people with five likes or more."""
    owners, seeds, targets = [], [], []
    for person in able(interactions, people, HOLDOUT_MIN_POSITIVES, max_people, seed):
        rng = np.random.default_rng((seed, int(interactions.user_ids[person])))
        for _ in range(draws):
            order = rng.permutation(interactions.liked(int(person)))
            n_targets = max(1, int(HOLDOUT_TARGETS * len(order)))
            owners.append(int(person))
            seeds.append(order[n_targets:])
            targets.append(order[:n_targets])
    return pack(owners, seeds, targets, interactions.n_movies)
