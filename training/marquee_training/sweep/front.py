"""Which settings nothing beats: no other has both more accuracy and more of something else (V. Pareto)."""

from collections.abc import Sequence
from typing import Any

AGAINST = {"ild@10": 1.0, "coverage@10": 1.0, "median_popularity@10": -1.0}
"""What accuracy is traded for; 1 where more is better, -1 where less is."""
ACCURACY = "ndcg@10"
WORTH = 0.1
"""Nobody gives up more than this share of the accuracy: what costs more is in the CSV alone."""

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


def shown(rows: Sequence[Row], against: str, most: int) -> list[int]:
    """What of a front is worth a person's look: at most so many of the rows that lose at most WORTH of the accuracy.

    Both ends, and between them rows about equally far apart in what accuracy is traded for.
    """
    best = max(row[ACCURACY] for row in rows)
    near = [place for place in on_front(rows, against) if rows[place][ACCURACY] >= (1 - WORTH) * best]
    if len(near) <= most:
        return near
    first, last = rows[near[0]][against], rows[near[-1]][against]
    wanted = [first + (last - first) * step / (most - 1) for step in range(most)]
    spread = {min(near, key=lambda place: abs(rows[place][against] - value)) for value in wanted}
    return [place for place in near if place in spread]
