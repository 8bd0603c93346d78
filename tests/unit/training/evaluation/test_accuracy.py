"""Marks for accuracy: by hand, and against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import label_ranking_average_precision_score, ndcg_score

from marquee_training.evaluation.cases import pack
from marquee_training.evaluation.metrics import mean_ndcg, mrr, ndcg, recall
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
