"""Shapley values: they sum to what they explain, and agree with the definition."""

from itertools import permutations

import numpy as np
import pytest

from marquee.rerank.explain import EXACT_SEEDS, shapley


def gain(tower, seeds, rows):
    """Score with the seeds minus score with none."""
    empty = tower.encode_sums(np.zeros((1, tower.item_vectors.shape[1]), np.float32), np.zeros(1, np.float32))[0]
    return tower.scores(seeds)[rows] - (tower.item_vectors @ empty + tower.item_bias)[rows]


@pytest.mark.parametrize("k", [1, 2, 5, EXACT_SEEDS, EXACT_SEEDS + 1, 30])
def test_shares_sum_to_the_gain(make_contents, k):
    tower = make_contents(n_movies=60, seed=k).two_tower
    rows = np.array([40, 3, 59])
    seeds = list(range(k))
    shares = shapley(tower, seeds, rows)
    assert shares.shape == (k, 3)
    np.testing.assert_allclose(shares.sum(axis=0), gain(tower, seeds, rows), atol=1e-5)


def test_agrees_with_the_average_over_all_orders(make_contents):
    tower = make_contents(seed=4).two_tower
    seeds, rows = [3, 8, 20, 41], np.array([1, 30])
    expected = np.zeros((4, 2))
    for order in permutations(range(4)):
        for place, seed in enumerate(order):
            before = [seeds[i] for i in order[:place]]
            before_gain = gain(tower, before, rows) if before else np.zeros(2)
            expected[seed] += gain(tower, [*before, seeds[seed]], rows) - before_gain
    np.testing.assert_allclose(shapley(tower, seeds, rows), expected / 24, atol=1e-5)


def test_the_same_request_gets_the_same_account(make_contents):
    tower = make_contents(seed=5).two_tower
    seeds, rows = list(range(20)), np.array([30, 31])
    np.testing.assert_array_equal(shapley(tower, seeds, rows), shapley(tower, seeds, rows))
