"""Standardise scores over the catalogue, each film counted once per person who likes it.

Scores of different models have no common unit. Mean and deviation over a request's candidates would change with its
filters; over the catalogue as people like it they don't, and films that nobody likes don't count.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from marquee.models import Array, LogOdds
from marquee.models.two_tower import TwoTower


class Moments(NamedTuple):
    """Mean and standard deviation of a score."""

    mean: float
    deviation: float

    @classmethod
    def of(cls, values: Array, shares: Array | None = None) -> Self:
        """Of (n,) values, weighted by (n,) float32 shares that sum to 1; by default all alike."""
        if not len(values):
            return cls(0.0, 0.0)
        if shares is None:
            values = values.astype(np.float64)
            return cls(float(values.mean()), float(values.std()))
        mean = float(shares @ values)
        distance = values - np.float32(mean)
        distance *= distance
        return cls(mean, float(shares @ distance) ** 0.5)

    def unit(self, weight: float) -> float:
        """What one unit of the score adds to a blend; values that don't differ say nothing, and add 0."""
        return 0.0 if self.deviation < 1e-9 else weight / self.deviation

    def standardise(self, values: Array, weight: float = 1.0) -> Array:
        """(m,) float32: values in units of the deviation from the mean, times the weight."""
        return np.asarray((values - self.mean) * np.float32(self.unit(weight)), dtype=np.float32)


def like_shares(popularity: NDArray[Any]) -> LogOdds:
    """(n,) float64: each film's share of all likes; equal ones where there is no like."""
    total = popularity.sum()
    return popularity / total if total else np.full(len(popularity), 1 / max(len(popularity), 1))


@dataclass(frozen=True)
class TowerMoments:
    """Moments of the Two-Tower's scores for any user vector, without computing all scores: they are linear in it.

    `mean` is (d + 1,) and `covariance` (d + 1, d + 1), float64, of the item vectors and the bias.
    """

    mean: LogOdds
    covariance: LogOdds

    @classmethod
    def of(cls, tower: TwoTower, shares: LogOdds) -> Self:
        """Over the films, weighted by (n,) shares."""
        features = np.column_stack([tower.item_vectors, tower.item_bias]).astype(np.float64)
        mean = shares @ features
        return cls(mean, (features * shares[:, None]).T @ features - np.outer(mean, mean))

    def at(self, user: Array, bias: float) -> Moments:
        """Of the scores for a (d,) user vector, with the films' biases (1) or without (0)."""
        vector = np.empty(len(user) + 1)
        vector[:-1], vector[-1] = user, bias
        return Moments(float(self.mean @ vector), max(float(vector @ self.covariance @ vector), 0.0) ** 0.5)
