"""The few-seed ridge against its definition: every draw of every person's seeds written out, and solved one by one."""

from itertools import combinations
from math import comb

import numpy as np
import pytest
from scipy import sparse

from marquee.errors import DataError
from marquee.models.item_cf import ItemCF
from marquee_training.interactions import Interactions
from marquee_training.item_cf import fit_few_seed_ridge

N, MAX_SEEDS, L2 = 7, 3, 0.7


@pytest.fixture(scope="module")
def few():
    """Twelve people and seven films: few enough to write every draw out."""
    likes = np.random.default_rng(5).random((12, N)) < 0.55
    likes[0] = np.arange(N) == 2  # likes one film only: nothing would be left to find
    matrix = sparse.csr_matrix(likes.astype(np.float32))
    return Interactions(np.arange(12, dtype=np.int32), np.arange(N, dtype=np.int64), matrix, matrix)


def written_out(few):
    """(draws, N + 1) inputs, (draws, N) targets with nan for the seeds, (draws,) weights."""
    inputs, targets, weights = [], [], []
    for person in range(len(few.user_ids)):
        liked = few.liked(person)
        for size in range(1, MAX_SEEDS + 1):
            k = min(size, len(liked) - 1)
            for seeds in combinations(liked, k) if k else ():
                x = np.zeros(N + 1)
                x[list(seeds)] = k**-0.5
                x[N] = 1
                y = np.zeros(N)
                y[liked] = 1
                y[list(seeds)] = 0
                inputs.append(x)
                targets.append(y)
                weights.append(np.sqrt(len(liked) - k) / comb(len(liked), k) / MAX_SEEDS)
    return np.array(inputs), np.array(targets), np.array(weights)


def test_it_minimises_the_expected_loss_over_all_draws(few):
    view = fit_few_seed_ridge(few, l2=L2, max_seeds=MAX_SEEDS, n_neighbors=N)
    inputs, targets, weights = written_out(few)
    dense = np.stack([view.scores([row]) for row in range(N)]) - view.prior
    for film in range(N):
        others = np.arange(N + 1) != film  # a film doesn't speak for itself
        design = inputs[:, others]
        ridge = L2 * np.eye(N)
        ridge[-1, -1] = 0
        expected = np.linalg.solve(
            design.T @ (weights[:, None] * design) + ridge, design.T @ (weights * targets[:, film])
        )
        np.testing.assert_allclose(dense[others[:N], film], expected[:-1], atol=1e-5)
        np.testing.assert_allclose(view.prior[film], expected[-1], atol=1e-5)
        assert dense[film, film] == 0


def test_large_catalogues_are_worked_on_in_blocks(world, monkeypatch):
    whole = fit_few_seed_ridge(world, l2=3.0, max_seeds=10, n_neighbors=60)
    monkeypatch.setattr("marquee_training.item_cf.BLOCK", 7)
    blocks = fit_few_seed_ridge(world, l2=3.0, max_seeds=10, n_neighbors=60)
    for name, array in whole.arrays().items():
        np.testing.assert_array_equal(blocks.arrays()[name], array)


def test_films_that_take_no_part_have_no_prior(world):
    view = fit_few_seed_ridge(world, l2=3.0, max_seeds=10, n_neighbors=60, max_movies=20)
    busy = np.sort(np.argsort(-world.popularity, kind="stable")[:20])
    assert set(np.flatnonzero(view.prior)) == set(busy)
    assert (view.prior[busy] > 0).all()
    with pytest.raises(DataError, match="no film has a like"):
        fit_few_seed_ridge(world.select(np.arange(0)), l2=3.0, max_seeds=10, n_neighbors=60)


def test_scores_are_the_prior_and_the_seeds_over_their_root(world):
    view = fit_few_seed_ridge(world, l2=3.0, max_seeds=10, n_neighbors=60)
    seeds, rows = [3, 14, 15, 9], np.array([2, 6, 5])
    alone = np.stack([view.scores([seed]) - view.prior for seed in seeds])
    np.testing.assert_allclose(view.scores(seeds), view.prior + alone.sum(axis=0) / 2, atol=1e-6)
    np.testing.assert_allclose(view.contributions(seeds, rows).sum(axis=0), view.pull(seeds)[rows], atol=1e-6)
    assert np.array_equal(view.scores(seeds[::-1]), view.scores(seeds))


def test_it_goes_through_a_file(world):
    view = fit_few_seed_ridge(world, l2=3.0, max_seeds=10, n_neighbors=9)
    again = ItemCF.from_arrays(view.arrays())
    assert np.array_equal(again.scores([1, 2, 3]), view.scores([1, 2, 3]))
