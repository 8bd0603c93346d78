"""Maximal Marginal Relevance: trade each film's score against its likeness to the films already picked.

J. Carbonell and J. Goldstein, "The use of MMR, diversity-based reranking", SIGIR 1998. Scores are scaled to
[0, 1] within the request first, so that lambda means the same in every request.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


def mmr(
    relevance: Array, genres: Array, vectors: Array, *, n: int, lam: float, genre_weight: float
) -> NDArray[np.int64]:
    """Pick n of m candidates, greedily.

    Args:
        relevance: (m,) float32, any scale.
        genres: (m, g) float32 of 0 and 1.
        vectors: (m, d) float32, unit rows: the latent view of likeness.
        n: How many to pick; all are picked where m is less.
        lam: 1 picks by relevance alone, 0 by difference alone (after a first pick by relevance).
        genre_weight: Share of the genres' Jaccard similarity against the vectors' cosine.

    Returns:
        (min(n, m),) int64 positions in the order of picking; ties go to the earlier candidate.
    """
    m = len(relevance)
    n = min(n, m)
    if n == 0:
        return np.empty(0, dtype=np.int64)
    span = float(relevance.max() - relevance.min())
    scaled = (relevance - relevance.min()) / span if span > 0 else np.zeros(m, dtype=np.float32)
    if lam >= 1.0:
        return np.argsort(-scaled, kind="stable")[:n]
    sizes = genres.sum(axis=1)
    likeness = np.full(m, -np.inf, dtype=np.float32)  # to the nearest film picked so far
    value = scaled.astype(np.float32)
    picked = np.empty(n, dtype=np.int64)
    for position in range(n):
        best = int(np.argmax(value))
        picked[position] = best
        shared = genres @ genres[best]
        jaccard = shared / np.maximum(sizes + sizes[best] - shared, 1)
        alike = genre_weight * jaccard + (1 - genre_weight) * (vectors @ vectors[best])
        np.maximum(likeness, alike, out=likeness)
        value = lam * scaled - (1 - lam) * likeness
        value[picked[: position + 1]] = -np.inf
    return picked
