"""The question that every model is asked: a few films of a person never seen, which others do they like?

Full catalogue, seeds masked, no sampled negatives (Krichene and Rendle, KDD 2020).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.interactions import Interactions

SEED_COUNTS = (1, 3, 5, 10)
MAIN_K = 5

Recommend = Callable[[Sequence[int], int], Sequence[int]]
"""Seeds (columns) and n -> the n best other columns, best first."""


@dataclass(frozen=True)
class Case:
    """One request: a held-out person's k random likes as seeds, all their other likes as targets."""

    person: int
    seeds: NDArray[np.int32]
    targets: NDArray[np.int32]


def few_seed_cases(
    interactions: Interactions,
    people: NDArray[np.int64],
    k: int,
    *,
    min_positives: int,
    draws: int,
    seed: int,
    max_people: int | None = None,
) -> list[Case]:
    """Draw requests of k seeds from people with enough likes, so that every k is asked of the same people."""
    able = people[interactions.n_liked[people] >= min_positives]
    if max_people is not None and len(able) > max_people:
        able = np.sort(np.random.default_rng(seed).choice(able, max_people, replace=False))
    cases = []
    for person in able:
        liked = interactions.liked(int(person))
        rng = np.random.default_rng((seed, int(interactions.user_ids[person]), k))
        for _ in range(draws):
            order = rng.permutation(liked)
            cases.append(Case(int(person), order[:k], order[k:]))
    return cases


def ndcg(ranked: Sequence[int], targets: NDArray[np.int32], n: int = 10) -> float:
    """NDCG@n with binary gains, in [0, 1]."""
    hits = np.isin(np.asarray(ranked[:n], dtype=np.int64), targets)
    gains = 1.0 / np.log2(np.arange(2, n + 2))
    return float((hits * gains[: len(hits)]).sum() / gains[: min(n, len(targets))].sum())


def mean_ndcg(recommend: Recommend, cases: Sequence[Case], n: int = 10) -> NDArray[np.float64]:
    """(people,) float64: each person's mean NDCG@n over their draws, in the order of first appearance."""
    per_person: dict[int, list[float]] = {}
    for case in cases:
        ranked = recommend([int(column) for column in case.seeds], n)
        per_person.setdefault(case.person, []).append(ndcg(ranked, case.targets, n))
    return np.array([np.mean(values) for values in per_person.values()])


def by_scores(score: Callable[[Sequence[int]], NDArray[np.float32]]) -> Recommend:
    """A recommender that ranks the whole catalogue by a score, seeds left out, ties by film id."""

    def recommend(seeds: Sequence[int], n: int) -> Sequence[int]:
        values = score(seeds).astype(np.float64)
        values[list(seeds)] = -np.inf
        top = np.argpartition(-values, n)[:n] if n < len(values) else np.arange(len(values))
        return [int(column) for column in top[np.lexsort((top, -values[top]))]]

    return recommend


def bootstrap_ci95(values: NDArray[np.float64], seed: int = 0, resamples: int = 1000) -> tuple[float, float]:
    """95 % percentile interval of the mean, by resampling people."""
    draws = np.random.default_rng(seed).integers(0, len(values), (resamples, len(values)))
    low, high = np.percentile(values[draws].mean(axis=1), [2.5, 97.5])
    return float(low), float(high)
