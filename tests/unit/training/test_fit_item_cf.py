"""The item-item views against their definitions."""

from dataclasses import replace

import numpy as np
import pytest

from marquee.errors import DataError
from marquee_training.config import TrainingConfig
from marquee_training.item_cf import centered, fit_edlae, fit_few_seed_ridge, fit_item_cf, fit_svd


def dense(view):
    return np.stack([view.scores([row]) for row in range(len(view))])


def test_ease_minimises_its_loss(world):
    """Each column of EASE is a ridge regression on the other films: compare with solving those one by one."""
    weights = dense(fit_edlae(world, l2=5.0, dropout=0.0, n_neighbors=60))
    likes = world.likes.toarray().astype(np.float64)
    for film in (0, 17, 59):
        others = np.arange(60) != film
        design = likes[:, others]
        expected = np.linalg.solve(design.T @ design + 5.0 * np.eye(59), design.T @ likes[:, film])
        np.testing.assert_allclose(weights[others, film], expected, atol=1e-4)
        assert weights[film, film] == 0


def test_edlae_is_ease_with_more_ridge_on_popular_films(world):
    weights = dense(fit_edlae(world, l2=5.0, dropout=0.75, n_neighbors=60))
    likes = world.likes.toarray().astype(np.float64)
    ridge = np.diag(5.0 + 3.0 * likes.sum(0))
    film, others = 8, np.arange(60) != 8
    design = likes[:, others]
    expected = np.linalg.solve(design.T @ design + ridge[np.ix_(others, others)], design.T @ likes[:, film])
    np.testing.assert_allclose(weights[others, film], expected, atol=1e-4)


def test_only_the_strongest_neighbors_are_kept(world):
    full = dense(fit_edlae(world, l2=5.0, dropout=0.5, n_neighbors=60))
    few = dense(fit_edlae(world, l2=5.0, dropout=0.5, n_neighbors=7))
    for row in range(60):
        kept = np.flatnonzero(few[row])
        assert len(kept) == 7
        assert set(kept) == set(np.argsort(-np.abs(full[row]))[:7])


def test_rare_films_and_a_cap_leave_the_catalogue_whole(world):
    view = fit_edlae(world, l2=5.0, dropout=0.5, n_neighbors=60, min_positives=1, max_movies=20)
    assert len(view) == 60
    busy = set(np.argsort(-world.popularity, kind="stable")[:20])
    weights = dense(view)
    assert set(np.flatnonzero(weights.any(axis=1))) <= busy


def test_where_nobody_likes_two_of_the_films_there_is_nothing_but_zeros(world):
    one = world.likes.multiply(np.arange(60) == 7).tocsr()
    one.eliminate_zeros()
    view = fit_few_seed_ridge(replace(world, likes=one), l2=3.0, max_seeds=10, n_neighbors=5, min_positives=3)
    assert not view.prior.any()
    assert not dense(view).any()


def test_where_no_film_has_enough_likes_all_with_a_like_take_part(world):
    view = fit_edlae(world, l2=5.0, dropout=0.5, n_neighbors=60, min_positives=1000)
    assert len(view) == 60
    with pytest.raises(DataError, match="no film has a like"):
        fit_edlae(world.select(np.arange(0)), l2=5.0, dropout=0.5, n_neighbors=60)


def test_ratings_that_are_all_equal_have_no_centred_factors(world):
    equal = world.ratings.copy()
    equal.data[:] = 1.0
    assert not fit_svd(centered(equal), n_factors=8, seed=0, unit=True).factors.any()


def test_centering_leaves_each_person_at_zero(world):
    matrix = centered(world.ratings)
    np.testing.assert_allclose(matrix.sum(axis=1), 0, atol=1e-3)
    assert matrix.nnz == world.ratings.nnz


def test_the_classic_svd_has_unit_rows_and_scores_by_cosine(world):
    view = fit_svd(centered(world.ratings), n_factors=8, seed=0, unit=True)
    np.testing.assert_allclose(np.linalg.norm(view.factors, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(view.scores([4])[4], 1, atol=1e-5)


def test_pure_svd_of_full_rank_gives_back_the_likes(world):
    view = fit_svd(world.likes, n_factors=59, seed=0, unit=False)
    person = 3
    scores = view.scores(world.liked(person).tolist())
    np.testing.assert_allclose(scores, world.likes[person].toarray()[0], atol=0.35)


@pytest.mark.parametrize("kind", ["few_seed_ridge", "edlae", "ease", "pure_svd", "svd_centered"])
def test_every_kind_finds_the_taste(world, content, kind):
    view = fit_item_cf(TrainingConfig(item_cf=kind, item_cf_l2=10, svd_factors=3), world, content)
    scores = view.scores([0, 3])  # two films of taste 0
    taste = np.arange(60) % 3
    scores[[0, 3]] = np.nan
    assert np.nanmean(scores[taste == 0]) > np.nanmean(scores[taste != 0])
