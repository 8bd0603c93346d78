"""What each of several tastes says of the candidates that any of them found."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from marquee.models.weights import Rung
from marquee.rerank.blend import Blend
from marquee.rerank.ranker import Stages
from marquee.rerank.steps import Dials, Pool, Rows, Taste


class Voice(NamedTuple):
    """A taste's say on m candidates, in ascending order of their rows.

    Attributes:
        taste: Whose.
        pool: Its own candidates, and behind them the others'.
        blended: Their scores, standardised over its own.
        at: (m,) int64, where each candidate stands in `pool`.
    """

    taste: Taste
    pool: Pool
    blended: Blend
    at: Rows

    def liking(self, stages: Stages, dials: Dials) -> NDArray[np.float64]:
        """(m,) float64, calibrated probabilities that candidates are liked, less what the popularity dial takes."""
        scores = self.blended.score - stages.hits(self.pool.rows, dials)
        return np.asarray(1.0 / (1.0 + np.exp(-stages.log_odds(self.pool, scores)[self.at])))


def candidates(stages: Stages, tastes: Sequence[Taste], rung: Rung = "two_tower") -> list[Pool]:
    """Each taste's candidates. Where retrieval fails for one, it isn't asked for the next ones."""
    pools: list[Pool] = []
    for taste in tastes:
        pool = stages.candidates(taste, rung)
        if any(reason.startswith("retrieval_") for reason in pool.degraded):
            rung = "item_cf"
            pools = [
                stages.candidates(earlier, rung) if found.rung == "two_tower" else found
                for earlier, found in zip(tastes, pools, strict=False)
            ]
        pools.append(pool)
    return pools


def voices(stages: Stages, tastes: Sequence[Taste], pools: Sequence[Pool]) -> list[Voice]:
    """What each taste says of all the pools' candidates."""
    rows = np.unique(np.concatenate([pool.rows for pool in pools]))
    found = []
    for taste, pool in zip(tastes, pools, strict=True):
        wide = stages.widened(taste, pool, rows)
        found.append(Voice(taste, wide, stages.blend(taste, wide), np.argsort(wide.rows)))
    return found
