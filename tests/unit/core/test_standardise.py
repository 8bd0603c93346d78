"""Scores in units of the catalogue as people like it."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marquee.models.standardise import Moments, TowerMoments, like_shares


def test_a_film_counts_once_per_person_who_likes_it():
    popularity = np.array([3, 0, 1], dtype=np.int32)
    values = np.array([2.0, 99.0, -2.0], dtype=np.float32)
    each = np.array([2.0, 2.0, 2.0, -2.0])
    moments = Moments.of(values, like_shares(popularity))
    assert moments == pytest.approx((each.mean(), each.std()))
    np.testing.assert_allclose(moments.standardise(values, 0.5), 0.5 * (values - each.mean()) / each.std(), rtol=1e-6)
    assert moments.unit(0.5) == pytest.approx(0.5 / each.std())


@given(st.lists(st.floats(-100, 100, width=32), max_size=20))
def test_films_that_nobody_likes_change_nothing(others):
    liked, popularity = np.array([1.0, 4.0, 5.0], dtype=np.float32), np.array([5, 1, 2], dtype=np.int32)
    values = np.append(liked, np.array(others, dtype=np.float32))
    shares = like_shares(np.append(popularity, np.zeros(len(others), dtype=np.int32)))
    assert Moments.of(values, shares) == pytest.approx(Moments.of(liked, like_shares(popularity)), rel=1e-6)


def test_where_there_is_no_like_all_films_count_alike():
    values = np.array([1.0, 2.0, 6.0], dtype=np.float32)
    shares = like_shares(np.zeros(3, dtype=np.int32))
    for moments in (Moments.of(values, shares), Moments.of(values)):
        assert moments == pytest.approx((3, values.std()))
    assert len(like_shares(np.empty(0, dtype=np.int32))) == 0
    assert Moments.of(np.empty(0, dtype=np.float32)) == (0, 0)


def test_values_that_do_not_differ_become_0():
    moments = Moments.of(np.full(5, 7.0, dtype=np.float32))
    assert moments.unit(2.0) == 0
    assert not moments.standardise(np.array([7, 8], dtype=np.float32), 2.0).any()


@pytest.mark.parametrize("hidden", [True, False])
@given(seeds=st.lists(st.integers(0, 79), min_size=1, max_size=40, unique=True), bias=st.sampled_from([0, 1]))
def test_moments_of_the_tower_are_those_of_all_its_scores(make_contents, hidden, seeds, bias):
    contents = make_contents(n_movies=80, seed=6, hidden=hidden)
    tower, shares = contents.two_tower, contents.like_shares
    user = tower.encode(seeds)
    scores = tower.item_vectors.astype(np.float64) @ user + bias * tower.item_bias
    mean = (shares * scores).sum()
    deviation = (shares * (scores - mean) ** 2).sum() ** 0.5
    assert contents.tower_moments.at(user, bias) == pytest.approx((mean, deviation), rel=1e-5, abs=1e-6)


def test_moments_of_a_tower_with_one_liked_film(make_contents):
    """The variance must not become negative by rounding."""
    tower = make_contents(n_movies=80, seed=6).two_tower
    for film in range(80):
        shares = like_shares(np.eye(80)[film])
        moments = TowerMoments.of(tower, shares).at(tower.encode([film]), bias=1)
        assert moments.mean == pytest.approx(float(tower.scores([film])[film]), abs=1e-5)
        assert moments.unit(1.0) == 0


def test_a_film_that_nobody_likes_moves_no_score_of_the_others(make_contents):
    contents = make_contents(n_movies=80, seed=6)
    popularity = np.where(np.arange(80) == 40, 0, contents.catalog.popularity)
    tower, vectors = contents.two_tower, contents.two_tower.item_vectors.copy()
    vectors[40] *= 50
    bundle = replace(contents, catalog=replace(contents.catalog, popularity=popularity))
    strange = replace(bundle, two_tower=replace(tower, item_vectors=vectors))
    user = tower.encode([1, 2])
    assert strange.tower_moments.at(user, 1) == pytest.approx(bundle.tower_moments.at(user, 1))
