"""Baselines: scores of every film for a few seeds, over a grid of settings. `rows.REGISTRY` lists them all."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from marquee_training.evaluation.metrics import mean_ndcg
from marquee_training.evaluation.protocols import ByK
from marquee_training.evaluation.ranking import Scorer, by_scores, factor_scores
from marquee_training.interactions import Interactions
from marquee_training.item_cf import chosen_movies, edlae_weights, fit_svd, gram_matrix

Settings = dict[str, float]
Option = tuple[Settings, Scorer]
Tuned = tuple[float, Settings, Scorer]
"""The best option of a grid, behind its NDCG on the validation people."""

# The grids. EDLAE's p is about 1 - k / n. With one seed the largest penalties and shrinkages are chosen on
# ml-latest-small; beyond them little changes, since all three then count who likes both films.
KNN_SHRINK: tuple[float, ...] = (5.0, 20.0, 100.0, 500.0)
KNN_NEIGHBORS = (50, 200, 1000, 5000)
SVD_FACTORS = (4, 8, 16, 32, 64, 128)
EASE_L2: tuple[float, ...] = (50.0, 200.0, 800.0, 3200.0, 12_800.0, 51_200.0)
EDLAE_L2: tuple[float, ...] = (50.0, 200.0, 800.0, 3200.0, 12_800.0)
EDLAE_P: tuple[float, ...] = (0.5, 0.75, 0.9, 0.95, 0.98, 0.995)


def best_of(options: Iterable[Option], validations: Sequence[tuple[ByK, int]]) -> list[dict[int | None, Tuned]]:
    """Grid search: the best option for each question and number of seeds, since few seeds want more smoothing.

    Each option is fitted once, and only the best so far stay in memory. A validation holds a question's requests and
    the n of the NDCG@n to maximise. The earlier option wins among equals, the first one where there is no request.
    """
    best: list[dict[int | None, Tuned]] = [{} for _ in validations]
    for settings, score in options:
        for found, (by_k, n) in zip(best, validations, strict=True):
            for k, cases in by_k.items():
                value = float(mean_ndcg(by_scores(score), cases, n).mean()) if len(cases) else 0.0
                if k not in found or value > found[k][0]:
                    found[k] = (value, settings, score)
    return best


def popularity_scores(popularity: NDArray[np.int32]) -> Scorer:
    """The most liked films, whatever the seeds."""
    values = popularity.astype(np.float32)
    return lambda seeds: np.tile(values, (seeds.shape[0], 1))


def item_knn(train: Interactions, *, min_positives: int, max_movies: int) -> Iterator[Option]:
    """Cosine with shrinkage, strongest neighbours of each film (Sarwar et al., WWW 2001), over the grid.

    sim(i, j) = G_ij / (sqrt(G_ii G_jj) + shrink), G = X'X; films score the sum of their similarities to the seeds.
    """
    chosen = chosen_movies(train, min_positives, max_movies)
    gram = gram_matrix(train, chosen).astype(np.float32)
    norms = np.sqrt(np.diag(gram))
    lengths = np.outer(norms, norms)
    np.fill_diagonal(gram, 0)
    for shrink in KNN_SHRINK:
        similar = np.asarray(gram / (lengths + np.float32(shrink)), dtype=np.float32)
        for neighbors in KNN_NEIGHBORS:
            settings = {"shrink": shrink, "neighbors": neighbors}
            yield settings, weight_scores(chosen, strongest_columns(similar, neighbors))


def strongest_columns(weights: NDArray[np.float32], n: int) -> NDArray[np.float32]:
    """The same with all but each column's n largest entries (and those equal to the last of them) set to 0."""
    if n >= len(weights):
        return weights
    threshold = np.partition(weights, len(weights) - n, axis=0)[len(weights) - n]
    return np.where(weights >= threshold, weights, np.float32(0))


def weight_scores(chosen: NDArray[np.int64], weights: NDArray[np.float32]) -> Scorer:
    """Scores of a dense item-item model, (c, c) [seed, film], of some columns of the catalogue; other films score 0."""

    def score(seeds: sparse.csr_matrix) -> NDArray[np.float32]:
        scores = np.zeros(seeds.shape, dtype=np.float32)
        scores[:, chosen] = seeds[:, chosen] @ weights
        return scores

    return score


def pure_svd(train: Interactions, *, seed: int) -> Iterator[Option]:
    """Binary likes, no normalisation; new people by fold-in (Cremonesi et al., RecSys 2010), over the grid.

    One decomposition serves all: the first k factors of a larger truncated SVD are those of a smaller one.
    """
    factors = fit_svd(train.likes, n_factors=max(SVD_FACTORS), seed=seed, unit=False).arrays()["factors"]
    for k in SVD_FACTORS:
        if k <= factors.shape[1]:
            yield {"factors": k}, factor_scores(np.ascontiguousarray(factors[:, :k]))


def linear(
    train: Interactions, l2s: Sequence[float], dropouts: Sequence[float], *, min_positives: int, max_movies: int
) -> Iterator[Option]:
    """EASE (dropout 0) and EDLAE with all their weights, over a grid; see `marquee_training.item_cf`."""
    chosen = chosen_movies(train, min_positives, max_movies)
    gram = gram_matrix(train, chosen)
    for dropout in dropouts:
        for l2 in l2s:
            settings = {"l2": l2} if dropout == 0 else {"l2": l2, "p": dropout}
            yield settings, weight_scores(chosen, edlae_weights(gram.copy(), l2=l2, dropout=dropout))


def genre_popularity(popularity: NDArray[np.int32], genres: NDArray[np.bool_]) -> Scorer:
    """A content baseline that needs no rating of a film: genre similarity to the seeds, times expected popularity.

    Similarity is the cosine between a film's genres and the mean of the seeds'. A film's expected popularity is its
    log(1 + likes) or, for a film without likes, the mean of that over the liked films of each of its genres.
    """
    own = genres.astype(np.float32)
    unit = own / np.sqrt(np.maximum(own.sum(axis=1, keepdims=True), 1))
    known = popularity > 0
    expected = np.log1p(popularity.astype(np.float32))
    per_genre = (own[known].T @ expected[known]) / np.maximum(own[known].sum(axis=0), 1)
    guess = own @ per_genre / np.maximum(own.sum(axis=1), 1)
    expected = np.where(known, expected, guess).astype(np.float32)

    def score(seeds: sparse.csr_matrix) -> NDArray[np.float32]:
        taste = np.asarray(seeds @ unit, dtype=np.float32)
        taste /= np.maximum(np.linalg.norm(taste, axis=1, keepdims=True), 1e-9)
        return np.asarray((taste @ unit.T) * expected, dtype=np.float32)

    return score


def chance() -> Scorer:
    """Equal scores: a random order where ties are broken at random."""
    return lambda seeds: np.zeros(seeds.shape, dtype=np.float32)
