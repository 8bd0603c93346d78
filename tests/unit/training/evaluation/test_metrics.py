"""Metrics: by hand, and against scikit-learn and scipy."""

import numpy as np
import pytest
from scipy import sparse
from scipy.spatial.distance import pdist
from scipy.stats import bootstrap, entropy
from sklearn.metrics import label_ranking_average_precision_score, ndcg_score

from marquee_training.evaluation.cases import pack
from marquee_training.evaluation.metrics import (
    ci95,
    genre_divergence,
    intra_list_diversity,
    mean_ndcg,
    most_liked,
    mrr,
    ndcg,
    ndcg_within,
    niche,
    novelty,
    popularity_quarters,
    recall,
    rounded_ci95,
    share_listed,
    stratified_recall,
)
from marquee_training.evaluation.ranking import by_scores, hits_of, top_n

YES, NO = True, False


@pytest.mark.parametrize(
    ("hits", "n_targets", "expected"),
    [
        ([YES, YES, YES], 3, 1.0),
        ([NO, NO, NO], 3, 0.0),
        ([NO, YES], 1, 1 / np.log2(3)),
        ([YES, NO, YES], 2, (1 + 0.5) / (1 + 1 / np.log2(3))),
        ([YES, YES], 50, 1.0),
    ],
)
def test_ndcg_by_hand(hits, n_targets, expected):
    assert ndcg(np.array([hits]), np.array([n_targets]))[0] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("hits", "n_targets", "expected"),
    [([YES, NO, YES, NO], 10, 2 / 4), ([YES, NO, YES, NO], 2, 1.0), ([YES, NO, NO, NO], 3, 1 / 3), ([NO] * 4, 1, 0.0)],
)
def test_recall_by_hand(hits, n_targets, expected):
    assert recall(np.array([hits]), np.array([n_targets]))[0] == pytest.approx(expected)


def test_mrr_by_hand():
    assert mrr(np.array([[YES, YES], [NO, YES], [NO, NO]])).tolist() == [1, 0.5, 0]


def test_without_targets_there_is_no_mark():
    assert np.isnan(ndcg(np.array([[NO, NO]]), np.array([0])))[0]
    assert np.isnan(recall(np.array([[NO, NO]]), np.array([0])))[0]


@pytest.fixture(scope="module")
def drawn():
    rng = np.random.default_rng(0)
    scores = rng.permuted(np.tile(np.arange(40, dtype=np.float32), (80, 1)), axis=1)
    relevant = rng.random((80, 40)) < rng.choice([0.02, 0.1, 0.5], (80, 1))
    relevant[~relevant.any(axis=1), 0] = True
    cases = pack(
        list(range(80)),
        [np.empty(0, dtype=np.int32)] * 80,
        [np.flatnonzero(row).astype(np.int32) for row in relevant],
        40,
    )
    return scores, relevant, cases


@pytest.mark.parametrize("n", [1, 10, 100])
def test_ndcg_as_scikit_learn_has_it(drawn, n):
    scores, relevant, cases = drawn
    ours = ndcg(hits_of(top_n(scores, n), cases.targets), cases.n_targets)
    theirs = [ndcg_score(row[None, :], score[None, :], k=n) for row, score in zip(relevant, scores, strict=True)]
    np.testing.assert_allclose(ours, theirs, atol=1e-12)


def test_mrr_as_scikit_learn_has_it(drawn):
    """With one relevant film, label ranking average precision is the reciprocal rank: of the best one here."""
    scores, relevant, cases = drawn
    best = np.where(relevant, scores, -1).argmax(axis=1)
    single = np.eye(40)[best]
    ours = mrr(hits_of(top_n(scores, 40), cases.targets))
    assert ours.mean() == pytest.approx(label_ranking_average_precision_score(single, scores))


def test_recall_counted_with_sets(drawn):
    scores, relevant, cases = drawn
    for row, value in enumerate(recall(hits_of(top_n(scores, 7), cases.targets), cases.n_targets)):
        listed, wanted = set(np.argsort(-scores[row])[:7].tolist()), set(np.flatnonzero(relevant[row]).tolist())
        assert value == pytest.approx(len(listed & wanted) / min(7, len(wanted)))


def test_the_mean_is_per_person():
    films = [np.array([film], dtype=np.int32) for film in range(4)]
    cases = pack([5, 5, 8], [films[3]] * 3, [films[0], films[1], films[0]], 4)
    recommend = by_scores(lambda seeds: np.tile(np.array([3, 2, 1, 9], dtype=np.float32), (seeds.shape[0], 1)))
    np.testing.assert_allclose(mean_ndcg(recommend, cases), [(1 + 1 / np.log2(3)) / 2, 1])


# Films 0 and 1 are comedies, 2 a drama, 3 both, 4 has no genre.
GENRES = np.array([[1, 0], [1, 0], [0, 1], [1, 1], [0, 0]], dtype=bool)
POPULARITY = np.array([64, 16, 4, 1, 0], dtype=np.int32)


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
    np.testing.assert_allclose(novelty(np.array([[0, 1, -1], [4, 3, 2]]), POPULARITY, 128), [2, (7 + 7 + 5) / 3])


def test_quarters_hold_equal_shares_of_the_likes():
    assert popularity_quarters(POPULARITY).tolist() == [0, 3, 3, 3, 3]
    assert popularity_quarters(np.full(8, 5, dtype=np.int32)).tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert popularity_quarters(np.zeros(3, dtype=np.int32)).tolist() == [3, 3, 3]


def test_shares_of_a_list_by_hand():
    lists = np.array([[0, 1, -1], [4, 3, 2]])
    np.testing.assert_allclose(share_listed(lists, popularity_quarters(POPULARITY) == 3), [0.5, 1])
    np.testing.assert_allclose(share_listed(lists, most_liked(POPULARITY)), [0.5, 0])
    twenty = np.r_[np.zeros(9), 5, 5, 5, np.zeros(8)].astype(np.int32)
    assert np.flatnonzero(most_liked(twenty)).tolist() == [9, 10]


def test_the_tail_is_a_third_of_the_people_whatever_the_number_of_their_requests():
    """Medians 64, 10, 2.5 and 0: two of four people, each with all of their requests."""
    likes = rows([0], [0], [1, 2], [2, 3], [2, 3], [4])
    people = np.array([7, 7, 2, 5, 5, 9])
    assert niche(people, likes, POPULARITY).tolist() == [False, False, False, True, True, True]


def test_the_tail_of_people_alike_goes_by_their_order():
    assert niche(np.array([4, 8, 6]), rows([1], [1], [1]), POPULARITY).tolist() == [True, False, False]


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
    np.testing.assert_allclose(stratified_recall(hits, lists, targets, POPULARITY), expected)


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
    quarters = popularity_quarters(POPULARITY)
    tail = ndcg_within(hits, lists, targets, quarters == 3)
    assert tail[0] == pytest.approx(1 / np.log2(3))
    assert np.isnan(tail[1])
    np.testing.assert_allclose(ndcg_within(hits, lists, targets, quarters == 0), 1)


def test_the_interval_holds_the_mean_and_narrows_with_people():
    rng = np.random.default_rng(0)
    few, many = rng.normal(0.5, 0.2, 50), rng.normal(0.5, 0.2, 5000)
    low, high = ci95(few)
    assert low < few.mean() < high
    assert np.diff(ci95(many)) < np.diff(ci95(few)) / 5


def test_as_scipy_has_it():
    values = np.random.default_rng(1).beta(2, 5, 400)
    theirs = bootstrap((values,), np.mean, n_resamples=5000, method="percentile", rng=0).confidence_interval
    np.testing.assert_allclose(ci95(values), theirs, atol=0.0015)


def test_rows_share_their_resamples_so_a_constant_lead_is_certain():
    values = np.random.default_rng(2).random(60)
    low, high = ci95(values + 0.1)
    np.testing.assert_allclose([low, high], np.array(ci95(values)) + 0.1, atol=1e-6)
    np.testing.assert_allclose(ci95((values + 0.1) - values), [0.1, 0.1], atol=1e-6)


def test_people_without_a_value_count_in_no_mean():
    values = np.array([0.2, 0.2, np.nan, 0.2])
    np.testing.assert_allclose(ci95(values), [0.2, 0.2], atol=1e-6)
    assert np.isnan(ci95(np.array([np.nan, np.nan]))).all()


def test_the_same_every_time():
    values = np.random.default_rng(3).random(40)
    assert rounded_ci95(values) == rounded_ci95(values.copy())
    assert rounded_ci95(values) == pytest.approx(list(ci95(values)), abs=6e-5)
