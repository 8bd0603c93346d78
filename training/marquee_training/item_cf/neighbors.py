"""Which films take part in the item-item view, and how many of their weights are kept."""

import numpy as np
from numpy.typing import NDArray

from marquee.errors import DataError
from marquee.models.item_cf import ItemCF
from marquee_training.interactions import Interactions


def chosen_movies(interactions: Interactions, min_positives: int, max_movies: int) -> NDArray[np.int64]:
    """(c,) columns of the films that take part: those with enough likes, the most liked if they are too many.

    Raises:
        DataError: No film has enough likes.
    """
    popularity = interactions.popularity
    chosen = np.flatnonzero(popularity >= min_positives)
    if not len(chosen):
        raise DataError(
            f"no film has {min_positives} likes: the item-item view has nothing to learn from",
            fix="give more ratings, or lower item_cf_min_positives in the configuration",
        )
    if len(chosen) > max_movies:
        chosen = np.sort(chosen[np.argsort(-popularity[chosen], kind="stable")[:max_movies]])
    return chosen


def strongest(weights: NDArray[np.float32], chosen: NDArray[np.int64], n_movies: int, n_neighbors: int) -> ItemCF:
    """Each seed film's strongest of (c, c) float32 weights, [seed, film], as a sparse matrix over the catalogue.

    Rows and columns of the weights stand for the (c,) chosen columns of the catalogue.
    """
    kept = min(n_neighbors, len(chosen) - 1)
    counts = np.zeros(n_movies, dtype=np.int64)
    indices, values = [], []
    for row, column in enumerate(chosen):
        near = np.argpartition(-np.abs(weights[row]), kept)[:kept] if kept else np.empty(0, dtype=np.int64)
        near = np.sort(near[weights[row, near] != 0])
        counts[column] = len(near)
        indices.append(chosen[near])
        values.append(weights[row, near])
    return ItemCF(
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        np.concatenate(indices).astype(np.int32),
        np.concatenate(values).astype(np.float32),
    )
