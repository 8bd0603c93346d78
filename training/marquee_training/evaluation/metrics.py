"""Did the list hold what the person likes? One value per request, in [0, 1]; binary gains."""

import numpy as np
from numpy.typing import NDArray

from marquee_training.evaluation.cases import Cases
from marquee_training.evaluation.ranking import Recommend, hits_of

Hits = NDArray[np.bool_]
Counts = NDArray[np.int64]
Values = NDArray[np.float64]


def ndcg(hits: Hits, n_targets: Counts) -> Values:
    """Normalised discounted cumulative gain (Jarvelin and Kekalainen 2002), discount 1 / log2(place + 1).

    Args:
        hits: (b, n) bool, the lists' places.
        n_targets: (b,), all that were to be found.

    Returns:
        (b,), divided by the best that a list of n can reach; NaN without targets.
    """
    gains = 1.0 / np.log2(np.arange(2, hits.shape[1] + 2))
    best = np.concatenate([[np.nan], np.cumsum(gains)])[np.minimum(n_targets, hits.shape[1])]
    return np.asarray((hits @ gains) / best, dtype=np.float64)


def recall(hits: Hits, n_targets: Counts) -> Values:
    """(b,): hits / min(n, targets), so that a full list of targets is 1 (Liang et al. 2018); NaN without targets."""
    possible = np.where(n_targets > 0, np.minimum(n_targets, hits.shape[1]), np.nan)
    return np.asarray(hits.sum(axis=1) / possible, dtype=np.float64)


def mrr(hits: Hits) -> Values:
    """(b,): 1 / place of the first hit, 0 without one."""
    return np.asarray(np.where(hits.any(axis=1), 1.0 / (hits.argmax(axis=1) + 1), 0.0), dtype=np.float64)


def mean_ndcg(recommend: Recommend, cases: Cases, n: int = 10) -> Values:
    """(p,): each person's mean NDCG@n over their requests, in the order of `cases.asked`."""
    (lists,) = recommend(cases.seeds, (n,))
    return cases.per_person(ndcg(hits_of(lists, cases.targets), cases.n_targets))
