"""From scores to lists."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from marquee_training.config import TrainingConfig
from marquee_training.evaluation import ranking
from marquee_training.evaluation.ranking import by_scores, hits_of, item_cf_scores, shuffles, top_n, tower_scores
from marquee_training.item_cf import fit_item_cf
from marquee_training.two_tower.train import train_two_tower


def seeds_of(*sets, n):
    matrix = sparse.lil_matrix((len(sets), n), dtype=np.float32)
    for row, films in enumerate(sets):
        matrix[row, list(films)] = 1
    return matrix.tocsr()


@given(
    scores=st.lists(st.lists(st.sampled_from([-2.0, 0.0, 0.5, 1.0]), min_size=6, max_size=6), min_size=1, max_size=4),
    n=st.integers(1, 9),
)
def test_top_n_is_a_full_stable_sort_cut_short(scores, n):
    """Few distinct values, so ties are everywhere, above all at the cut."""
    lists = top_n(np.array(scores, dtype=np.float32), n)
    for row, listed in zip(scores, lists.tolist(), strict=True):
        expected = sorted(range(6), key=lambda film: (-row[film], film))[:n]
        assert listed == expected + [-1] * (n - len(expected))


def test_what_may_not_be_listed_is_not():
    inf = np.inf
    assert top_n(np.array([[-inf, 1, -inf, 3]], dtype=np.float32), 3).tolist() == [[3, 1, -1]]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_scores_without_an_order_are_refused(bad):
    with pytest.raises(ValueError, match="can't be ranked"):
        top_n(np.array([[0, bad, 1]], dtype=np.float32), 2)


def test_seeds_are_masked_and_ties_go_to_the_lower_id():
    recommend = by_scores(lambda seeds: np.tile(np.array([9, 1, 5, 5, 0], dtype=np.float32), (2, 1)))
    three, six = recommend(seeds_of([0], [2], n=5), (3, 6))
    assert three.tolist() == [[2, 3, 1], [0, 3, 1]]
    assert six.tolist() == [[2, 3, 1, 4, -1, -1], [0, 3, 1, 4, -1, -1]]


def test_a_shelf():
    shelf = np.array([False, True, False, True, True])
    recommend = by_scores(lambda seeds: np.array([[9, 1, 5, 5, 0]], dtype=np.float32), allowed=shelf)
    assert recommend(seeds_of([3], n=5), (4,))[0].tolist() == [[1, 4, -1, -1]]


def test_blocks_do_not_show(monkeypatch, world):
    scores = np.random.default_rng(0).random((60, 60), dtype=np.float32)
    recommend = by_scores(lambda seeds: np.asarray(seeds @ scores))
    seeds = world.likes[:50]
    (whole,) = recommend(seeds, (10,))
    monkeypatch.setattr(ranking, "BLOCK", 60 * 7)
    (blocks,) = recommend(seeds, (10,))
    assert np.array_equal(whole, blocks)


def test_ties_broken_by_chance_depend_on_the_request_alone():
    flat = by_scores(lambda seeds: np.zeros(seeds.shape, dtype=np.float32), ties=3)
    together = flat(seeds_of([0, 4], [7], [0, 4], n=40), (5,))[0].tolist()
    alone = flat(seeds_of([0, 4], n=40), (5,))[0].tolist()
    assert together[0] == together[2] == alone[0]
    assert together[0] != together[1]
    orders = shuffles(seeds_of(*([film] for film in range(40)), n=40), 3)
    assert all(sorted(order) == list(range(40)) for order in orders.tolist())
    first = by_scores(lambda seeds: np.tile(np.arange(40, dtype=np.float32), (seeds.shape[0], 1)), ties=3)
    assert first(seeds_of([0], n=40), (3,))[0].tolist() == [[39, 38, 37]]  # no tie, nothing left to chance


def test_chance_favours_no_film():
    many = seeds_of(*([film, other] for film in range(30) for other in range(30, 60)), n=80)
    flat = by_scores(lambda seeds: np.zeros(seeds.shape, dtype=np.float32), ties=3)
    shown = np.bincount(flat(many, (10,))[0].ravel(), minlength=80)[60:]  # films that are nobody's seeds
    assert shown.min() > 0.6 * shown.mean()
    assert shown.max() < 1.4 * shown.mean()


def test_hits_by_hand():
    lists = np.array([[2, 0, -1], [1, 2, 0], [0, 1, 2]])
    targets = seeds_of([0, 1], [], [2], n=3)
    assert hits_of(lists, targets).tolist() == [[False, True, False], [False] * 3, [False, False, True]]
    assert not hits_of(lists, seeds_of([], [], [], n=3)).any()


def test_the_last_film_of_one_request_is_not_the_minus_one_of_the_next():
    assert not hits_of(np.array([[0], [-1]]), seeds_of([2], [0], n=3)).any()


@pytest.mark.parametrize("kind", ["few_seed_ridge", "edlae", "pure_svd", "svd_centered"])
def test_many_requests_score_as_one_by_one(world, content, kind):
    view = fit_item_cf(TrainingConfig(item_cf=kind, item_cf_l2=10, svd_factors=8), world, content)
    sets = [[3], [0, 9, 41], list(range(0, 60, 7))]
    scores = item_cf_scores(view)(seeds_of(*sets, n=60))
    for films, row in zip(sets, scores, strict=True):
        np.testing.assert_allclose(row, view.scores(films), atol=1e-5)


@pytest.mark.parametrize("loss", ["softmax", "triplet"])
def test_many_people_are_encoded_as_one_by_one(world, content, loss):
    config = TrainingConfig(loss=loss, epochs=1, eval_every=1, embedding_size=8, triplet_samples=200)
    tower = train_two_tower(config, world, content)[0]
    sets = [[3], [0, 9, 41], list(range(0, 60, 7))]
    for films, row in zip(sets, tower_scores(tower)(seeds_of(*sets, n=60)), strict=True):
        np.testing.assert_allclose(row, tower.scores(films), atol=1e-5)
