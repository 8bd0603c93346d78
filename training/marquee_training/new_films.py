"""New films, which nobody has rated yet: their parameters, from content, by those of the films that were fitted."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from marquee.models.content import mixtures
from marquee_training.interactions import Interactions

MAX_FILMS = 1000  # the item-item fits are quadratic in films


@dataclass(frozen=True)
class NewFilms:
    """m films without ratings as mixtures of c fitted films.

    Attributes:
        rows: (m,) int64, the new films; of more than MAX_FILMS the last in the catalogue.
        fitted: (c,) int64, ascending.
        shares: (c, m) float64; a new film's parameters are the fitted films' times its column.
    """

    rows: NDArray[np.int64]
    fitted: NDArray[np.int64]
    shares: NDArray[np.float64]

    @classmethod
    def of(cls, interactions: Interactions, content: NDArray[np.float32], fitted: NDArray[np.int64]) -> Self:
        """Those of a catalogue with (n, f) content features."""
        n_ratings = np.bincount(interactions.ratings.indices, minlength=interactions.n_movies)
        rows = np.flatnonzero(n_ratings == 0)[-MAX_FILMS:]
        content = np.column_stack([content, np.ones(len(content), dtype=np.float32)])
        return cls(rows, fitted, mixtures(content, fitted) @ content[rows].T)

    def fill(self, parameters: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, ...) parameters of all films with those of the new films."""
        filled = parameters.copy()
        filled[self.rows] = self.shares.T @ parameters[self.fitted]
        return filled

    def extend(self, weights: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Item-item weights, [seed, film], with the new films as seeds and as films, and the rows that they are of.

        Of (c, c) weights (c + m, c + m) float32, and (c + m,) rows: the fitted films, then the new ones.
        """
        shares, m = self.shares.astype(np.float32), len(self.rows)
        weights = weights.astype(np.float32, copy=False)
        nothing = np.zeros((m, m), dtype=np.float32)
        whole = np.block([[weights, weights @ shares], [shares.T @ weights, nothing]]) if m else weights
        return whole, np.concatenate([self.fitted, self.rows])
