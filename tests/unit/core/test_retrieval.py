"""Exact search."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from marquee.retrieval import EmbeddedRetriever, Where, top_k


@given(
    scores=st.lists(st.integers(-5, 5), min_size=1, max_size=60),
    k=st.integers(1, 70),
    hidden=st.sets(st.integers(0, 59)),
)
def test_top_k_is_a_stable_sort(scores, k, hidden):
    values = np.array(scores, dtype=np.float32)
    allowed = np.array([row not in hidden for row in range(len(scores))])
    rows, best = top_k(values, k, allowed)
    expected = sorted((row for row in range(len(scores)) if allowed[row]), key=lambda row: (-scores[row], row))[:k]
    assert rows.tolist() == expected
    assert best.tolist() == [scores[row] for row in expected]


def test_candidates_do_not_depend_on_the_order_of_seeds(make_contents):
    contents = make_contents(n_movies=80, seed=2)
    retriever = EmbeddedRetriever(contents.catalog, contents.two_tower)
    one = retriever.candidates([1, 4, 7, 100], 30, Where())
    other = retriever.candidates([100, 7, 1, 4], 30, Where())
    np.testing.assert_array_equal(one[0], other[0])
    np.testing.assert_array_equal(one[1], other[1])


def test_scores_are_user_times_item_plus_bias(make_contents):
    tower = make_contents(seed=3).two_tower
    pooled = tower.seed_vectors[[2, 9]].sum(0) / np.sqrt(2)
    user = np.tanh(tower.hidden_weight @ pooled + tower.hidden_bias)
    np.testing.assert_allclose(tower.scores([2, 9]), tower.item_vectors @ user + tower.item_bias, rtol=1e-5)


def test_a_tower_without_hidden_layer_takes_the_mean(make_contents):
    from dataclasses import replace

    tower = replace(make_contents(seed=3, hidden=False).two_tower, pooling="mean")
    mean = tower.seed_vectors[[2, 9]].mean(0)
    np.testing.assert_allclose(tower.scores([9, 2]), tower.item_vectors @ mean + tower.item_bias, rtol=1e-5)
