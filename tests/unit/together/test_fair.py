"""Fair picks against the product that they are to maximise, and what fairness promises."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marquee.rerank.groups import HEAD_START, fair_picks
from marquee.rerank.mmr import Likeness, Limit


def no_likeness(m):
    return Likeness(np.zeros((m, 1), np.float32), np.zeros((m, 1), np.float32), 0.5)


def product(liking, picked):
    start = HEAD_START * liking.max(axis=1)
    return float(np.log(start + liking[:, list(picked)].sum(axis=1)).sum())


@pytest.mark.parametrize("seed", range(8))
def test_nearly_the_largest_product(seed):
    """Greedy maximisation of such a function is within 1 - 1/e of the best gain (Nemhauser et al. 1978)."""
    liking = np.random.default_rng(seed).uniform(0.01, 0.9, size=(3, 9)) ** 2
    picked = fair_picks(liking, no_likeness(9), n=3, lam=1.0)
    nothing = product(liking, [])
    best = max(product(liking, some) for some in combinations(range(9), 3))
    assert product(liking, picked) - nothing >= (1 - 1 / np.e) * (best - nothing)


def test_who_is_hard_to_please_gets_as_much():
    liking = np.full((2, 20), 1e-6)
    liking[0, :10], liking[1, 10:] = 0.9, 0.05
    picked = fair_picks(liking, no_likeness(20), n=10, lam=1.0)
    assert (picked < 10).sum() == 5


def test_a_film_for_everybody_comes_before_films_for_one():
    liking = np.array([[0.8, 0.1, 0.6], [0.1, 0.8, 0.6]])
    assert fair_picks(liking, no_likeness(3), n=1, lam=1.0).tolist() == [2]


@given(st.integers(1, 5), st.integers(0, 30), st.integers(1, 40), st.floats(0, 1), st.integers(0, 5))
@settings(max_examples=200, deadline=None)
def test_picks_are_unique_and_of_different_series(p, m, n, lam, seed):
    rng = np.random.default_rng(seed)
    genres = (rng.random((m, 4)) < 0.5).astype(np.float32)
    likeness = Likeness(genres, rng.normal(size=(m, 3)).astype(np.float32), 0.6)
    series = rng.integers(0, 8, m)
    picked = fair_picks(
        rng.uniform(0.01, 0.99, (p, m)), likeness, n=n, lam=lam, limits=[Limit(np.arange(m), series, 1)]
    )
    assert len(set(series[picked].tolist())) == len(picked) == min(n, len(set(series.tolist())))


@given(st.floats(0.05, 1), st.integers(0, 20))
@settings(max_examples=60, deadline=None)
def test_nobody_gains_by_liking_everything_more(scale, seed):
    liking = np.random.default_rng(seed).uniform(0.1, 0.9, (2, 15))
    louder = liking * np.array([[1.0], [scale]])
    one, other = (fair_picks(found, no_likeness(15), n=6, lam=1.0).tolist() for found in (liking, louder))
    assert one == other
