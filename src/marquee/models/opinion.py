"""What the item-item views say of a request: one made for a few seeds, one for long histories, faded into each other.

What predicts best from 5 films is not what predicts best from 100: with few, what everybody likes has to fill in;
with many, it only blurs (docs/quality.md has the figures).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marquee.models.item_cf import ItemCF

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Opinion:
    """Scores of every film for one request.

    Attributes:
        few: (n,) float32, by the view for a few seeds.
        history: (n,) float32, by the view for long histories; None where the bundle has none.
        share: How much `history` counts, from 0 to 1; the views for a few seeds have the rest.
    """

    few: Array
    history: Array | None
    share: float

    @classmethod
    def of(cls, item_cf: ItemCF, seed_rows: Sequence[int], half_history: float) -> "Opinion":
        """Ask the views; at least one seed.

        Args:
            item_cf: The views.
            seed_rows: The liked films' rows.
            half_history: How many seeds it takes for `share` to be a half: share = k / (k + half_history).
        """
        few = item_cf.scores(seed_rows)
        if item_cf.history is None:
            return cls(few, None, 0.0)
        return cls(few, item_cf.history.scores(seed_rows), len(seed_rows) / (len(seed_rows) + half_history))

    @property
    def overall(self) -> Array:
        """(n,) float32: both, each standardised over the catalogue, since they have no common unit."""
        few, _ = standardised(self.few, 1.0 - self.share)
        if self.history is None:
            return few
        return np.asarray(few + standardised(self.history, self.share)[0], dtype=np.float32)


def standardised(values: Array, weight: float, over: int | None = None) -> tuple[Array, float]:
    """(m,) float32 values with mean 0 and standard deviation |weight|; and what one unit of `values` adds to them.

    Values that don't differ, which is no opinion, become 0, and so does their unit.

    Args:
        values: (m,) float32.
        weight: Below 0 turns them round.
        over: Mean and deviation are those of the first so many; None: of all.
    """
    among = values[:over]
    spread = float(among.std()) if len(among) > 1 else 0.0
    if spread < 1e-9:
        return np.zeros_like(values), 0.0
    unit = weight / spread
    return np.asarray((values - among.mean()) * np.float32(unit), dtype=np.float32), unit
