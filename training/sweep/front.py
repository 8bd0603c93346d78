"""Which settings nothing beats: no other has both more accuracy and more of something else (V. Pareto)."""

from collections.abc import Sequence
from typing import Any

AGAINST = {"ild@10": 1.0, "coverage@10": 1.0, "median_popularity@10": -1.0}
"""What accuracy is traded for; 1 where more is better, -1 where less is."""
ACCURACY = "ndcg@10"

Row = dict[str, Any]


def on_front(rows: Sequence[Row], against: str) -> list[int]:
    """Positions of the rows that no other row beats: as good in both, and better in one.

    Args:
        rows: With `ndcg@10` and what it is traded for.
        against: One of AGAINST.

    Returns:
        From the most accurate to the least; of rows that are alike in both, the first alone.
    """
    sign = AGAINST[against]
    order = sorted(range(len(rows)), key=lambda n: (-rows[n][ACCURACY], -sign * rows[n][against], n))
    front: list[int] = []
    best = float("-inf")
    for number in order:
        if sign * rows[number][against] > best:
            best = sign * rows[number][against]
            front.append(number)
    return front


def thinned(front: Sequence[int], rows: Sequence[Row], most: int) -> list[int]:
    """At most so many of a front: both ends, and between them those that lie far apart in accuracy."""
    if len(front) <= most:
        return list(front)
    first, last = rows[front[0]][ACCURACY], rows[front[-1]][ACCURACY]
    wanted = [first + (last - first) * step / (most - 1) for step in range(most)]
    near = [min(front, key=lambda n, w=w: abs(rows[n][ACCURACY] - w)) for w in wanted]  # type: ignore[misc]
    return list(dict.fromkeys(near))
