"""Fit the item-item view, and the baselines of its kind."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse
from sklearn.decomposition import TruncatedSVD

from marquee.models.item_cf import ItemCF
from marquee_training.config import TrainingConfig
from marquee_training.interactions import Interactions
from marquee_training.item_cf.few_seed_ridge import fit_few_seed_ridge
from marquee_training.item_cf.neighbors import chosen_movies, strongest


def fit_item_cf(config: TrainingConfig, interactions: Interactions) -> ItemCF:
    """The views that the configuration names: one for requests, and one for long histories unless there is none.

    Raises:
        DataError: No film has enough likes.
    """
    sizes = {
        "n_neighbors": config.item_cf_neighbors,
        "min_positives": config.item_cf_min_positives,
        "max_movies": config.item_cf_max_movies,
    }
    if config.item_cf == "few_seed_ridge":
        view = fit_few_seed_ridge(interactions, l2=config.item_cf_l2, max_seeds=config.max_seeds, **sizes)
    elif config.item_cf in ("edlae", "ease"):
        dropout = config.item_cf_dropout if config.item_cf == "edlae" else 0.0
        view = fit_edlae(interactions, l2=config.item_cf_l2, dropout=dropout, **sizes)
    else:
        matrix = interactions.likes if config.item_cf == "pure_svd" else centered(interactions.ratings)
        unit = config.item_cf == "svd_centered"
        view = fit_svd(matrix, n_factors=config.svd_factors, seed=config.seed, unit=unit)
    if config.history_cf == "none":
        return view
    history = fit_edlae(interactions, l2=config.history_l2, dropout=config.history_dropout, **sizes)
    return replace(view, history=history)


def fit_edlae(
    interactions: Interactions,
    *,
    l2: float,
    dropout: float,
    n_neighbors: int,
    min_positives: int = 1,
    max_movies: int = 20_000,
) -> ItemCF:
    """EDLAE in closed form (H. Steck, NeurIPS 2020); with dropout 0 it is EASE (H. Steck, WWW 2019).

    B = I - P / diag(P) with P = inv(X'X + diag(l2 + p / (1 - p) diag(X'X))), zero diagonal. Hiding a share p of
    each history while fitting prepares for requests that show only a few films.

    Each seed film keeps its `n_neighbors` strongest weights by absolute value. Films with fewer likes than
    `min_positives` have none. Of the others, the `max_movies` most liked take part, since the fit holds two dense
    matrices of that size.
    """
    chosen = chosen_movies(interactions, min_positives, max_movies)
    weights = edlae_weights(gram_matrix(interactions, chosen), l2=l2, dropout=dropout)
    return strongest(weights, chosen, interactions.n_movies, n_neighbors)


def gram_matrix(interactions: Interactions, chosen: NDArray[np.int64]) -> NDArray[np.floating[Any]]:
    """(c, c) X'X of the chosen films: how many people like both; float64, or float32 above 10,000 films."""
    likes = interactions.likes[:, chosen]
    return np.array((likes.T @ likes).toarray(), dtype=np.float64 if len(chosen) <= 10_000 else np.float32)


def edlae_weights(gram: NDArray[np.floating[Any]], *, l2: float, dropout: float) -> NDArray[np.float32]:
    """(c, c) float32 B, [seed, film], of a Gram matrix, which is overwritten; see `fit_edlae`."""
    diagonal = np.einsum("ii->i", gram)  # a view: writes go through
    diagonal += l2 + dropout / (1 - dropout) * diagonal
    factor = linalg.cho_factor(gram, lower=True, overwrite_a=True, check_finite=False)
    inverse = linalg.cho_solve(factor, np.eye(len(gram), dtype=gram.dtype), overwrite_b=True, check_finite=False)
    weights = np.asarray(inverse / -np.diag(inverse), dtype=np.float32)  # column j explains film j from the others
    np.fill_diagonal(weights, 0)
    return weights


def centered(ratings: sparse.csr_matrix) -> sparse.csr_matrix:
    """Ratings minus each person's mean rating."""
    counts = np.diff(ratings.indptr)
    means = np.asarray(ratings.sum(axis=1)).ravel() / np.maximum(counts, 1)
    result = ratings.copy()
    result.data = ratings.data - np.repeat(means, counts).astype(np.float32)
    return result


def fit_svd(matrix: sparse.csr_matrix, *, n_factors: int, seed: int, unit: bool) -> ItemCF:
    """Item factors of a truncated SVD.

    Unit rows give the classic cosine view; without, it is PureSVD (Cremonesi et al., RecSys 2010), whose scores
    for new people are seeds' rows times Q Q'.
    """
    n_factors = min(n_factors, min(matrix.shape) - 1)
    svd = TruncatedSVD(n_components=n_factors, random_state=seed).fit(matrix)
    factors = svd.components_.T.astype(np.float32)
    factors[np.bincount(matrix.indices, minlength=len(factors)) == 0] = 0  # films without any rating: rounding noise
    if unit:
        norms = np.linalg.norm(factors, axis=1, keepdims=True)
        factors = np.divide(factors, norms, out=np.zeros_like(factors), where=norms > 1e-9)
    return ItemCF(factors=np.ascontiguousarray(factors))
