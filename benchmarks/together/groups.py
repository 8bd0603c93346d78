"""Groups of people whom no model has seen, and what their members get from a list."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.together.models import Asked
from marquee_training.evaluation.metrics import Values, ndcg

Group = tuple[list[list[int]], list[NDArray[np.int64]]]
"""What each member shows, rows of films; and what each likes besides anything that a member shows."""


def groups(asked: Asked, size: int, seeds: int, *, unlike: bool, seed: int) -> list[Group]:
    """Every person once as the first member.

    Args:
        asked: The fold.
        size: Of each group.
        seeds: How many likes each shows.
        unlike: The others are those least like the first, by the Two-Tower; else anybody.
        seed: Of the draws.
    """
    rng = np.random.default_rng(seed)
    found = []
    for first in range(len(asked.people)):
        others = np.delete(np.arange(len(asked.people)), first)
        if unlike:  # of the tenth who are least like the first
            nearest = np.argsort(asked.users[others] @ asked.users[first])
            others = others[nearest[: max(size - 1, len(others) // 10)]]
        members = [first, *rng.choice(others, size - 1, replace=False)]
        shown, liked = [], []
        for member in members:
            order = rng.permutation(asked.everybody.liked(int(asked.people[member])))
            shown.append([int(row) for row in order[:seeds]])
            liked.append(order)
        everything = np.unique(np.concatenate([np.asarray(rows) for rows in shown]))
        found.append((shown, [np.setdiff1d(rows, everything).astype(np.int64) for rows in liked]))
    return found


def gains(wanted: Sequence[NDArray[np.int64]], rows: NDArray[np.int64]) -> Values:
    """(p,) NDCG@n of each member for one list of n films, (n,), by the films that each wants; NaN for no film."""
    hits = np.array([np.isin(rows, own) for own in wanted])
    return ndcg(hits, np.array([len(own) for own in wanted]))
