"""Groups of people whom no model has seen, and what their members get from a list."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.together.models import Asked


@dataclass(frozen=True)
class Group:
    """People who ask together.

    Attributes:
        members: What each shows: rows of films.
        wanted: What each likes beside what anybody of them shows.
    """

    members: list[list[int]]
    wanted: list[NDArray[np.int64]]


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
        found.append(Group(shown, [np.setdiff1d(rows, everything).astype(np.int64) for rows in liked]))
    return found


def gains(group: Group, rows: Sequence[int]) -> NDArray[np.float64]:
    """(p,) NDCG@n of each member for one list of n films, by what the members like beside what was shown."""
    discounts = 1 / np.log2(np.arange(2, len(rows) + 2))
    values = []
    for wanted in group.wanted:
        best = discounts[: min(len(wanted), len(rows))].sum()
        values.append(float(np.isin(rows, wanted) @ discounts / best) if len(wanted) else np.nan)
    return np.array(values)
