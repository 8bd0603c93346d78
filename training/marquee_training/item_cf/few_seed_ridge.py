"""The item-item view fitted to the request itself: least squares from k of a person's likes to the others.

EDLAE (H. Steck, NeurIPS 2020) hides a share of every history, so people with long ones are asked with long inputs,
and it has no prior, so that with one seed it forgets what everybody likes. Here the input is what a request is: k
random likes, k = 1..max_seeds, each size as often as the other, and a constant. The expectation over all draws has a
closed form, so nothing is sampled.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse

from marquee.models.item_cf import ItemCF
from marquee_training.interactions import Interactions
from marquee_training.item_cf.neighbors import chosen_movies, strongest

BLOCK = 2000  # columns of a Gram matrix at once: the sparse product in between is larger than its dense result


def fit_few_seed_ridge(
    interactions: Interactions,
    *,
    l2: float,
    max_seeds: int,
    n_neighbors: int,
    min_positives: int = 1,
    max_movies: int = 20_000,
) -> ItemCF:
    """Fit prior and weights.

    For a person with n likes, of which a random k are the input z (0 or 1 by film), the input is x = z / sqrt(k),
    as the Two-Tower's is, and the targets are the n - k others. Minimised is

        E sum_j (y_j - b_j - sum_{i != j} x_i W_ij)^2 + l2 |W|^2,

    each person weighted by the root of the number of targets: between one vote per person, which wastes long
    histories, and one per target, which lets them rule (docs/quality.md). With A = E[x x'], with the constant as one
    more film, and C = E[x y'], column j solves A w = C_j under w_j = 0: W = P C - P diag(diag(P C) / diag(P)),
    P = inv(A + l2).

    The penalty spares the constant. Each seed film keeps its `n_neighbors` strongest weights by absolute value. Films
    with fewer likes than `min_positives` have no neighbours, and prior 0. Of the others, the `max_movies` most liked
    take part, since the fit holds three dense matrices of that size.

    Raises:
        DataError: No film has enough likes.
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
    inputs[n, n] = people.sum()
    targets = np.empty((n + 1, n), dtype=precision)
    _gram(likes, input_and_target, targets[:n])
    np.fill_diagonal(targets[:n], 0)
    targets[n] = likes.T @ one_target

    factor = linalg.cho_factor(inputs, lower=True, overwrite_a=True, check_finite=False)
    inverse = linalg.cho_solve(factor, np.eye(n + 1, dtype=precision), overwrite_b=True, check_finite=False)
    del inputs, factor
    weights = inverse @ targets
    weights -= inverse[:, :n] * (np.diag(weights) / np.diag(inverse)[:n])
    prior = np.zeros(interactions.n_movies, dtype=np.float32)
    prior[chosen] = weights[n]
    view = strongest(weights[:n].astype(np.float32), chosen, interactions.n_movies, n_neighbors)
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
