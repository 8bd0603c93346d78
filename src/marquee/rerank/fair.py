"""Films for several tastes so that each gets its share: the greedy maximum of the Nash product.

Each taste's utility of a list is the number of its films that this taste is expected to like, and the list is built
for the largest product of these numbers. The product doesn't care in what unit a taste counts, so nobody gains by
being easy to please, and whoever has got little so far counts the most. I. Caragiannis et al., "The unreasonable
fairness of maximum Nash welfare", EC 2016; greedy selection for groups as in M. Kaya, D. Bridge and N. Tintarev,
"Ensuring fairness in group recommendations by rank-sensitive balancing of relevance", RecSys 2020.
"""

import numpy as np
from numpy.typing import NDArray

from marquee.rerank.mmr import Likeness, Series, pick

# What a taste has at the beginning, in parts of what its best film is worth: else the first film would have to please
# everybody a little, and who is hard to please would decide alone.
HEAD_START = 0.5


def fair_picks(
    liking: NDArray[np.float64],
    likeness: Likeness,
    *,
    n: int,
    lam: float,
    series: Series = None,
) -> NDArray[np.int64]:
    """Pick n of m candidates for p tastes.

    Args:
        liking: (p, m) float64 in (0, 1): the probability that each taste likes each candidate.
        likeness: Of the candidates, for MMR.
        n: How many to pick.
        lam: MMR: 1 picks by fairness alone, 0 by difference alone.
        series: As for `marquee.rerank.mmr.mmr`.

    Returns:
        (k,) int64 positions in the order of picking, k <= min(n, m).
    """
    if liking.shape[1] == 0:
        return np.empty(0, dtype=np.int64)
    start = HEAD_START * liking.max(axis=1, keepdims=True)

    def gain(picked: NDArray[np.int64]) -> NDArray[np.float32]:
        has = start + liking[:, picked].sum(axis=1, keepdims=True)
        grown = np.log1p(liking / has).sum(axis=0)
        return np.asarray(grown / grown.max(), dtype=np.float32)

    return pick(gain, likeness, n=n, lam=lam, series=series)
