"""The baselines against their definitions."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.metrics.pairwise import cosine_similarity

from marquee_training.evaluation import baselines
from marquee_training.evaluation.baselines import best_of
from marquee_training.evaluation.cases import few_seed_cases
from marquee_training.evaluation.protocols import remove_films

SIZE = {"min_positives": 1, "max_movies": 1000}


def one(*films, n=60):
    seeds = np.zeros((1, n), dtype=np.float32)
    seeds[0, list(films)] = 1
    return sparse.csr_matrix(seeds)


def options(found):
    return {tuple(settings.values()): score for settings, score in found}


def test_popularity_is_the_same_for_all(world):
    scores = baselines.popularity_scores(world.popularity)(sparse.vstack([one(1), one(2, 9)]).tocsr())
    assert np.array_equal(scores[0], scores[1])
    assert np.array_equal(scores[0], world.popularity)


def test_item_knn_is_cosine_where_nothing_shrinks_or_is_cut(world, monkeypatch):
    monkeypatch.setattr(baselines, "KNN_SHRINK", (0.0,))
    monkeypatch.setattr(baselines, "KNN_NEIGHBORS", (60,))
    ((_, score),) = baselines.item_knn(world, **SIZE)
    expected = cosine_similarity(world.likes.T)
    np.fill_diagonal(expected, 0)
    np.testing.assert_allclose(score(one(4, 11))[0], expected[[4, 11]].sum(axis=0), atol=1e-5)


def test_item_knn_shrinks_and_cuts(world):
    found = options(baselines.item_knn(world, **SIZE))
    likes = world.likes.toarray()
    gram = likes.T @ likes
    expected = gram[3] / (np.sqrt(gram[3, 3] * np.diag(gram)) + 20.0)
    expected[3] = 0
    np.testing.assert_allclose(found[20.0, 1000](one(3))[0], expected, atol=1e-5)
    cut = np.array([[3, 1, 0], [2, 5, 1], [1, 4, 2]], dtype=np.float32)
    assert baselines.strongest_columns(cut, 1).tolist() == [[3, 0, 0], [0, 5, 0], [0, 0, 2]]
    assert baselines.strongest_columns(cut, 3) is cut


def test_pure_svd_is_the_projection_of_the_seeds(world):
    """By numpy's exact decomposition: x V V'."""
    found = options(baselines.pure_svd(world, seed=0))
    right = np.linalg.svd(world.likes.toarray(), full_matrices=False)[2][:8].T
    x = one(4, 11, 20).toarray()[0]
    np.testing.assert_allclose(found[(8,)](one(4, 11, 20))[0], right @ (right.T @ x), atol=0.02)


def test_films_without_likes_have_no_factors(world):
    new = np.arange(60) >= 50
    found = options(baselines.pure_svd(remove_films(world, new), seed=0))
    assert not found[(16,)](one(4, 11))[0, 50:].any()


def test_linear_models_are_ridge_regressions(world):
    """EDLAE's column of a film: ridge on the others with l2 + p / (1 - p) * likes (H. Steck 2020)."""
    (settings, score), *_ = baselines.linear(world, (5.0,), (0.75,), **SIZE)
    assert settings == {"l2": 5.0, "p": 0.75}
    likes = world.likes.toarray().astype(np.float64)
    others = np.arange(60) != 8
    ridge = np.diag(5.0 + 3.0 * likes.sum(axis=0))[np.ix_(others, others)]
    expected = np.linalg.solve(likes[:, others].T @ likes[:, others] + ridge, likes[:, others].T @ likes[:, 8])
    got = [score(one(film))[0, 8] for film in np.flatnonzero(others)]
    np.testing.assert_allclose(got, expected, atol=1e-4)


def test_a_grid_reuses_one_gram_matrix_unharmed(world):
    last = list(baselines.linear(world, (1.0, 5.0), (0.0, 0.75), **SIZE))[-1][1]
    ((_, alone),) = baselines.linear(world, (5.0,), (0.75,), **SIZE)
    assert np.array_equal(last(one(2)), alone(one(2)))


def test_rare_films_score_nothing(world):
    few = {"min_positives": 1, "max_movies": 20}
    ((_, score),) = baselines.linear(world, (5.0,), (0.5,), **few)
    rare = np.argsort(-world.popularity, kind="stable")[20:]
    assert not score(one(*range(60)))[0, rare].any()


def test_genre_popularity_by_hand():
    """A new comedy is expected to be as popular as comedies are; a drama fan's likeness to it is 0."""
    genres = np.array([[1, 0], [1, 0], [0, 1], [1, 0], [0, 1]], dtype=bool)
    score = baselines.genre_popularity(np.array([7, 1, 3, 0, 0], dtype=np.int32), genres)
    comedy = score(one(0, n=5))[0]
    np.testing.assert_allclose(comedy, np.log([8, 2, 1, 4, 1]), atol=1e-6)
    drama = score(one(2, n=5))[0]
    np.testing.assert_allclose(drama, np.log([1, 1, 4, 1, 4]), atol=1e-6)


def test_the_search_finds_the_best_for_each_question(world):
    """Three made-up options: one knows the taste of people, one is noise, one says nothing."""
    taste = (np.arange(60)[:, None] % 3 == np.arange(60)[None, :] % 3).astype(np.float32)
    noise = np.random.default_rng(0).random((60, 60), dtype=np.float32)
    tried = []

    def grid():
        for name, weights in (("nothing", noise * 0), ("noise", noise), ("taste", taste), ("taste again", taste)):
            tried.append(name)
            yield {"name": name}, lambda seeds, weights=weights: np.asarray(seeds @ weights)

    cases = {k: few_seed_cases(world, np.arange(40), k, min_positives=12, draws=1, seed=0) for k in (1, 3)}
    nobody = {1: few_seed_cases(world, np.arange(0), 1, min_positives=12, draws=1, seed=0)}
    found = best_of(grid(), [(cases, 10), (nobody, 10)])
    assert tried == ["nothing", "noise", "taste", "taste again"]
    assert {k: settings["name"] for k, (_, settings, _) in found[0].items()} == {1: "taste", 3: "taste"}
    assert found[1][1][1]["name"] == "nothing"


def test_the_search_may_choose_differently_for_each_number_of_seeds(world):
    """One option ranks well by seeds' own neighbours where there is one seed, the other where there are three."""
    taste = (np.arange(60)[:, None] % 3 == np.arange(60)[None, :] % 3).astype(np.float32)

    def only_with(size):
        return lambda seeds: np.asarray(seeds @ taste) * (np.diff(seeds.indptr) == size)[:, None].astype(np.float32)

    cases = {k: few_seed_cases(world, np.arange(40), k, min_positives=12, draws=1, seed=0) for k in (1, 3)}
    (found,) = best_of([({"for": 1.0}, only_with(1)), ({"for": 3.0}, only_with(3))], [(cases, 10)])
    assert {k: settings["for"] for k, (_, settings, _) in found.items()} == {1: 1.0, 3: 3.0}


@pytest.mark.parametrize("grid", ["KNN_SHRINK", "KNN_NEIGHBORS", "SVD_FACTORS", "EASE_L2", "EDLAE_L2", "EDLAE_P"])
def test_grids_ascend(grid):
    values = getattr(baselines, grid)
    assert list(values) == sorted(set(values))
