"""Fit the item-item views, and the baselines of their kind.

`few_seed_ridge` is least squares from k of a person's likes to the others. EDLAE (H. Steck, NeurIPS 2020) hides a share
of every history, so people with long ones are asked with long inputs, and it has no prior, so that with one seed it
forgets what everybody likes. Here the input is what a request is: k random likes, k = 1..max_seeds, each size as often
as the other, and a constant. The expectation over all draws has a closed form, so nothing is sampled.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse

from marquee.errors import DataError
from marquee.models.item_cf import ItemCF
from marquee_training.config import TrainingConfig
from marquee_training.interactions import Interactions
from marquee_training.new_films import NewFilms

BLOCK = 2000  # columns of a Gram matrix at once: the sparse product in between is larger than its dense result


def fit_item_cf(config: TrainingConfig, interactions: Interactions, content: NDArray[np.float32]) -> ItemCF:
    """The views that the configuration names: one for requests, and one for long histories unless there is none.

    In those with neighbours the films that nobody rated get weights by their (n, f) content.

    Raises:
        DataError: No film has a like.
    """
    sizes: dict[str, Any] = {
        "n_neighbors": config.item_cf_neighbors,
        "min_positives": config.item_cf_min_positives,
        "max_movies": config.item_cf_max_movies,
        "content": content,
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
    content: NDArray[np.float32] | None = None,
) -> ItemCF:
    """EDLAE in closed form (H. Steck, NeurIPS 2020); with dropout 0 it is EASE (H. Steck, WWW 2019).

    B = I - P / diag(P) with P = inv(X'X + diag(l2 + p / (1 - p) diag(X'X))), zero diagonal. Hiding a share p of
    each history while fitting prepares for requests that show only a few films.

    Each seed film keeps its `n_neighbors` strongest weights by absolute value. Films with fewer likes than
    `min_positives` have none, and prior 0. Of the others, the `max_movies` most liked take part, since the fits hold
    two or three dense matrices of that size. With (n, f) `content` films without ratings get weights too (`NewFilms`).
    """
    chosen = chosen_movies(interactions, min_positives, max_movies)
    weights = edlae_weights(gram_matrix(interactions, chosen), l2=l2, dropout=dropout)
    if content is None:
        return strongest(weights, chosen, interactions.n_movies, n_neighbors)
    new = NewFilms.of(interactions, content, chosen)
    return strongest(*new.extend(weights), interactions.n_movies, n_neighbors, len(new.rows))


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
    from sklearn.decomposition import TruncatedSVD  # noqa: PLC0415 - takes seconds to import

    if not matrix.data.any():  # centred ratings that are all equal: nothing tells two films apart
        return ItemCF(factors=np.zeros((matrix.shape[1], 1), dtype=np.float32))
    n_factors = max(1, min(n_factors, min(matrix.shape) - 1))
    svd = TruncatedSVD(n_components=n_factors, random_state=seed).fit(matrix)
    factors = svd.components_.T.astype(np.float32)
    factors[np.bincount(matrix.indices, minlength=len(factors)) == 0] = 0  # films without any rating: rounding noise
    if unit:
        norms = np.linalg.norm(factors, axis=1, keepdims=True)
        factors = np.divide(factors, norms, out=np.zeros_like(factors), where=norms > 1e-9)
    return ItemCF(factors=np.ascontiguousarray(factors))


def fit_few_seed_ridge(
    interactions: Interactions,
    *,
    l2: float,
    max_seeds: int,
    n_neighbors: int,
    min_positives: int = 1,
    max_movies: int = 20_000,
    content: NDArray[np.float32] | None = None,
) -> ItemCF:
    """Fit prior and weights.

    For a person with n likes, of which a random k are the input z (0 or 1 by film), the input is x = z / sqrt(k),
    as the Two-Tower's is, and the targets are the n - k others. Minimised is

        E sum_j (y_j - b_j - sum_{i != j} x_i W_ij)^2 + l2 |W|^2,

    each person weighted by the root of the number of targets: between one vote per person, which wastes long
    histories, and one per target, which lets them rule (docs/quality.md). With A = E[x x'], with the constant as one
    more film, and C = E[x y'], column j solves A w = C_j under w_j = 0: W = P C - P diag(diag(P C) / diag(P)),
    P = inv(A + l2).

    The penalty spares the constant. The other arguments are those of `fit_edlae`.

    Raises:
        DataError: No film has a like.
    """
    chosen = chosen_movies(interactions, min_positives, max_movies)
    likes = interactions.likes[:, chosen]
    number = np.diff(likes.indptr).astype(np.float64)
    likes, number = likes[number >= 2], number[number >= 2]
    precision = np.float64 if len(chosen) <= 10_000 else np.float32
    people, one_input, input_twice, two_inputs, one_target, input_and_target = _moments(number, max_seeds)

    n = len(chosen)
    inputs = np.empty((n + 1, n + 1), dtype=precision)
    _gram(likes, two_inputs, inputs[:n, :n])
    np.fill_diagonal(inputs[:n, :n], likes.T @ input_twice + l2)
    inputs[n, :n] = inputs[:n, n] = likes.T @ one_input
    inputs[n, n] = people.sum() or 1.0  # where nobody likes two of the films, all weights become 0
    targets = np.empty((n + 1, n), dtype=precision)
    _gram(likes, input_and_target, targets[:n])
    np.fill_diagonal(targets[:n], 0)
    targets[n] = likes.T @ one_target

    factor = linalg.cho_factor(inputs, lower=True, overwrite_a=True, check_finite=False)
    inverse = linalg.cho_solve(factor, np.eye(n + 1, dtype=precision), overwrite_b=True, check_finite=False)
    del inputs, factor
    weights = inverse @ targets
    weights -= inverse[:, :n] * (np.diag(weights) / np.diag(inverse)[:n])
    del inverse, targets
    prior = np.zeros(interactions.n_movies, dtype=np.float32)
    prior[chosen] = weights[n]
    of_seeds = weights[:n].astype(np.float32)
    n_new = 0
    if content is not None:
        new = NewFilms.of(interactions, content, chosen)
        prior, n_new = new.fill(prior), len(new.rows)
        of_seeds, chosen = new.extend(of_seeds)
    view = strongest(of_seeds, chosen, interactions.n_movies, n_neighbors, n_new)
    return ItemCF(view.indptr, view.indices, view.values, prior=prior)


def _moments(number: NDArray[np.float64], max_seeds: int) -> NDArray[np.float64]:
    """Expectations over the draws of each person's input, (6, u), times the person's weight.

    Of n likes, each at least 2, k are drawn: a film is in with probability k / n, two are with
    k (k - 1) / (n (n - 1)), and one is in and another out with k (n - k) / (n (n - 1)).
    """
    sums = np.zeros((6, len(number)))
    pairs = number * (number - 1)
    for size in range(1, max_seeds + 1):
        k = np.minimum(size, number - 1)
        weight = np.sqrt(number - k) / max_seeds
        sums += [
            weight,
            weight * np.sqrt(k) / number,  # one input: k / n, times x = 1 / sqrt(k)
            weight / number,  # an input twice
            weight * (k - 1) / pairs,  # two inputs
            weight * (number - k) / number,  # one target
            weight * np.sqrt(k) * (number - k) / pairs,  # an input and a target
        ]
    return sums


def _gram(likes: sparse.csr_matrix, weight: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    """X' diag(weight) X into the first rows and columns of `out`."""
    weighted = (sparse.diags(weight) @ likes).tocsc()
    for start in range(0, likes.shape[1], BLOCK):
        columns = slice(start, start + BLOCK)
        out[:, columns] = (likes.T @ weighted[:, columns]).toarray()


def chosen_movies(interactions: Interactions, min_positives: int, max_movies: int) -> NDArray[np.int64]:
    """(c,) columns of the films that take part: those with enough likes, the most liked if they are too many.

    Where no film has enough, as in the ratings of a handful of people, all films with a like take part.

    Raises:
        DataError: No film has a like.
    """
    popularity = interactions.popularity
    if not popularity.any():
        raise DataError("no film has a like: the item-item view has nothing to learn from", fix="give more ratings")
    chosen = np.flatnonzero(popularity >= (min_positives if popularity.max() >= min_positives else 1))
    if len(chosen) > max_movies:
        chosen = np.sort(chosen[np.argsort(-popularity[chosen], kind="stable")[:max_movies]])
    return chosen


def strongest(
    weights: NDArray[np.float32], chosen: NDArray[np.int64], n_movies: int, n_neighbors: int, n_new: int = 0
) -> ItemCF:
    """Each seed film's strongest of (c, c) float32 weights, [seed, film], of the (c,) chosen films.

    Of the last `n_new` of them, whose weights are predictions and so smaller than others', as many again.
    """
    counts = np.zeros(n_movies, dtype=np.int64)
    indices, values = [], []
    fitted = len(chosen) - n_new
    for row in np.argsort(chosen):
        size = np.abs(weights[row])
        near = np.concatenate([_largest(size[:fitted], n_neighbors), fitted + _largest(size[fitted:], n_neighbors)])
        near = near[np.argsort(chosen[near])]
        counts[chosen[row]] = len(near)
        indices.append(chosen[near])
        values.append(weights[row, near])
    return ItemCF(
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        np.concatenate(indices).astype(np.int32),
        np.concatenate(values).astype(np.float32),
    )


def _largest(size: NDArray[np.float32], n: int) -> NDArray[np.int64]:
    """Positions of the n largest of some sizes, those of 0 left out."""
    largest = np.argpartition(-size, n)[:n] if n < len(size) else np.arange(len(size))
    return largest[size[largest] > 0]
