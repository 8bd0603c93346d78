"""Marks beyond accuracy: by hand, and against scipy."""

import numpy as np
import pytest
from scipy import sparse
from scipy.spatial.distance import pdist
from scipy.stats import entropy

from marquee_training.evaluation.beyond import (
    FilmFacts,
    genre_divergence,
    head_share,
    intra_list_diversity,
    niche,
    novelty,
    quarter_ndcg,
    stratified_recall,
    tail_share,
)

# Films 0 and 1 are comedies, 2 a drama, 3 both, 4 has no genre.
GENRES = np.array([[1, 0], [1, 0], [0, 1], [1, 1], [0, 0]], dtype=bool)
FACTS = FilmFacts(GENRES, np.array([64, 16, 4, 1, 0], dtype=np.int32), 128)


def rows(*sets):
    return sparse.csr_matrix(np.array([[film in films for film in range(5)] for films in sets], dtype=np.float32))


def test_diversity_by_hand():
    lists = np.array([[0, 1, -1], [0, 2, 3], [4, 0, -1], [2, -1, -1]])
    values = intra_list_diversity(lists, GENRES)
    np.testing.assert_allclose(values[:3], [0, (1 + 0.5 + 0.5) / 3, 1])
    assert np.isnan(values[3])


def test_diversity_as_scipy_has_it():
    rng = np.random.default_rng(0)
    genres = rng.random((50, 8)) < 0.4
    genres[~genres.any(axis=1), 0] = True
    lists = np.stack([rng.choice(50, 10, replace=False) for _ in range(30)])
    expected = [pdist(genres[listed], "jaccard").mean() for listed in lists]
    np.testing.assert_allclose(intra_list_diversity(lists, genres), expected, atol=1e-6)


def test_novelty_by_hand():
    """64 of 128 people: 1 bit; 16: 3 bits; nobody counts as one: 7 bits."""
    np.testing.assert_allclose(novelty(np.array([[0, 1, -1], [4, 3, 2]]), FACTS), [2, (7 + 7 + 5) / 3])


def test_quarters_hold_equal_shares_of_the_likes():
    assert FACTS.quarters.tolist() == [0, 3, 3, 3, 3]
    even = FilmFacts(np.ones((8, 1), dtype=bool), np.full(8, 5, dtype=np.int32), 10)
    assert even.quarters.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    nobody = FilmFacts(np.ones((3, 1), dtype=bool), np.zeros(3, dtype=np.int32), 10)
    assert nobody.quarters.tolist() == [3, 3, 3]


def test_tail_share_by_hand():
    np.testing.assert_allclose(tail_share(np.array([[0, 1, -1], [4, 3, 2]]), FACTS), [0.5, 1])


def test_head_share_by_hand():
    np.testing.assert_allclose(head_share(np.array([[0, 1, -1], [4, 3, 2]]), FACTS), [0.5, 0])
    twenty = FilmFacts(np.ones((20, 1), dtype=bool), np.r_[np.zeros(9), 5, 5, 5, np.zeros(8)].astype(np.int32), 9)
    assert np.flatnonzero(twenty.most_liked).tolist() == [9, 10]


def test_the_tail_is_a_third_of_the_people_whatever_the_number_of_their_requests():
    """Medians 64, 10, 2.5 and 0: two of four people, each with all of their requests."""
    likes = rows([0], [0], [1, 2], [2, 3], [2, 3], [4])
    people = np.array([7, 7, 2, 5, 5, 9])
    assert niche(people, likes, FACTS).tolist() == [False, False, False, True, True, True]


def test_the_tail_of_people_alike_goes_by_their_order():
    assert niche(np.array([4, 8, 6]), rows([1], [1], [1]), FACTS).tolist() == [True, False, False]


def test_divergence_by_hand():
    likes = rows([0, 2], [0, 2], [0], [4])
    lists = np.array([[1, 2], [0, 1], [2, -1], [0, 1]])
    values = genre_divergence(lists, likes, GENRES)
    assert values[0] == pytest.approx(0)
    # Half comedy, half drama, against comedies alone: q = (.995, .005).
    assert values[1] == pytest.approx(0.5 * np.log(0.5 / 0.995) + 0.5 * np.log(0.5 / 0.005))
    assert values[2] == pytest.approx(np.log(100))
    assert np.isnan(values[3])


def test_divergence_as_scipy_has_it():
    rng = np.random.default_rng(0)
    genres = rng.random((40, 6)) < 0.5
    genres[~genres.any(axis=1), 0] = True
    lists = np.stack([rng.choice(40, 10, replace=False) for _ in range(20)])
    likes = rng.random((20, 40)) < 0.3
    shares = genres / genres.sum(axis=1, keepdims=True)
    for value, listed, liked in zip(
        genre_divergence(lists, sparse.csr_matrix(likes.astype(float)), genres), lists, likes, strict=True
    ):
        p, q = shares[liked].mean(axis=0), shares[listed].mean(axis=0)
        assert value == pytest.approx(entropy(p, 0.99 * q + 0.01 * p))


def test_stratified_recall_by_hand():
    """Weights 1/8, 1/4, 1/2, 1, 1: finding the rare one of two films counts more."""
    lists = np.array([[0, 4], [2, 4], [0, 2]])
    targets = rows([0, 2], [0, 2], [0, 2])
    hits = np.array([[True, False], [True, False], [True, True]])
    expected = [0.125 / 0.625, 0.5 / 0.625, 1]
    np.testing.assert_allclose(stratified_recall(hits, lists, targets, FACTS.popularity), expected)


def test_equal_popularity_makes_stratified_recall_plain():
    rng = np.random.default_rng(0)
    lists = np.stack([rng.choice(30, 5, replace=False) for _ in range(20)])
    wanted = rng.random((20, 30)) < 0.4
    hits = np.take_along_axis(wanted, lists, axis=1)
    values = stratified_recall(hits, lists, sparse.csr_matrix(wanted.astype(float)), np.full(30, 9, dtype=np.int32))
    np.testing.assert_allclose(values, hits.sum(axis=1) / wanted.sum(axis=1))


def test_a_quarters_ndcg_counts_its_targets_alone():
    lists, targets = np.array([[0, 2], [0, 2]]), rows([0, 2], [0])
    hits = np.array([[True, True], [True, False]])
    tail = quarter_ndcg(hits, lists, targets, FACTS, 3)
    assert tail[0] == pytest.approx(1 / np.log2(3))
    assert np.isnan(tail[1])
    np.testing.assert_allclose(quarter_ndcg(hits, lists, targets, FACTS, 0), 1)
