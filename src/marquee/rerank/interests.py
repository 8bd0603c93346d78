"""Which of a person's films belong together: average-linkage clusters of the seeds.

As in A. Pal et al., "PinnerSage: multi-modal user embeddings for recommendations at Pinterest", KDD 2020 (which
clusters with Ward's linkage): a person is several interests, and their mean can be none of them.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MAX_INTERESTS = 4
# Two groups of films are joined while their mean likeness is at least this.
LEAST_LIKENESS = 0.15


def interests(alike: NDArray[np.float32], seeds: Sequence[int]) -> list[list[int]]:
    """The seeds by interest, those with the most seeds first.

    Args:
        alike: (k, k) float32, how alike the seeds are.
        seeds: Their k rows.

    Returns:
        One list or more of rows, at most MAX_INTERESTS; each in the order of `seeds`.
    """
    groups = [[index] for index in range(len(seeds))]
    between = alike.astype(np.float64)
    np.fill_diagonal(between, -np.inf)
    while len(groups) > 1:
        first, second = sorted(int(at) for at in np.unravel_index(int(np.argmax(between)), between.shape))
        if between[first, second] < LEAST_LIKENESS and len(groups) <= MAX_INTERESTS:
            break
        sizes = len(groups[first]), len(groups[second])
        joined = (sizes[0] * between[first] + sizes[1] * between[second]) / sum(sizes)
        between[first], between[:, first] = joined, joined
        between[first, first] = -np.inf
        between = np.delete(np.delete(between, second, axis=0), second, axis=1)
        groups[first] += groups.pop(second)
    groups.sort(key=lambda group: (-len(group), min(group)))
    return [[seeds[index] for index in sorted(group)] for group in groups]
