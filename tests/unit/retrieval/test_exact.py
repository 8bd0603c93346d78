"""Exact search."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marquee.errors import RequestError
from marquee.retrieval.exact import ExactSearch, top_k
from marquee.retrieval.port import Query, Where


@given(
    scores=st.lists(st.integers(-5, 5), min_size=1, max_size=60),
    k=st.integers(1, 70),
    hidden=st.sets(st.integers(0, 59)),
    times=st.integers(1, 40),  # from a catalogue smaller than a block of the shortlist to one of many
)
@settings(deadline=None)
def test_top_k_is_a_stable_sort(scores, k, hidden, times):
    allowed = np.array([row not in hidden for row in range(len(scores))] * times)
    scores = scores * times
    values = np.array(scores, dtype=np.float32)
    rows, best = top_k(values, k, allowed)
    expected = sorted((row for row in range(len(scores)) if allowed[row]), key=lambda row: (-scores[row], row))[:k]
    assert rows.tolist() == expected
    assert best.tolist() == [scores[row] for row in expected]


def test_candidates_do_not_depend_on_the_order_of_seeds(make_contents):
    contents = make_contents(n_movies=80, seed=2)
    retriever = ExactSearch(contents)
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


@pytest.mark.parametrize("dimensions", [1, 3, 8, 64, 200])
def test_alone_and_in_a_batch_the_bytes_are_the_same(make_contents, dimensions):
    contents = make_contents(n_movies=700, seed=4, dimensions=dimensions)
    rng = np.random.default_rng(0)
    queries = [
        Query(
            tuple(int(movie) for movie in rng.choice(contents.catalog.movie_ids, rng.integers(1, 20))),
            int(rng.integers(1, 300)),
            Where(genres_none=("Horror",) if rng.random() < 0.5 else ()),
        )
        for _ in range(33)
    ]
    search = ExactSearch(contents)
    for query, together in zip(queries, search.batch(queries), strict=True):
        alone = search.candidates(query.seed_movie_ids, query.k, query.where)
        assert alone.movie_ids.tobytes() == together.movie_ids.tobytes()
        assert alone.scores.tobytes() == together.scores.tobytes()


def test_the_shortlist_loses_nobody_even_where_rounding_decides(make_contents):
    """Many films with almost the same score: a shortlist of exactly k would miss some."""
    from dataclasses import replace

    contents = make_contents(n_movies=500, seed=5, dimensions=64)
    rng = np.random.default_rng(1)
    near = contents.two_tower.item_vectors[:1] + rng.normal(scale=1e-7, size=(500, 64)).astype(np.float32)
    tower = replace(contents.two_tower, item_vectors=near, item_bias=np.zeros(500, dtype=np.float32))
    user = tower.encode([3])
    exact = (near * user).sum(axis=1)
    best = contents.catalog.movie_ids[np.lexsort((np.arange(500), -exact))[:50]]

    def off_by_rounding(users, allowed, ks, margins):
        noise = rng.uniform(-1, 1, size=500) * margins[0] / 2
        rough = np.where(allowed[0], exact + noise, -np.inf)
        return [np.flatnonzero(rough >= np.sort(rough)[-ks[0]] - margins[0])]

    found = ExactSearch(replace(contents, two_tower=tower), off_by_rounding).candidates([10], 50, Where())
    assert found.movie_ids.tolist() == best.tolist()


def test_one_bad_query_of_a_batch_fails_alone(make_contents):
    search = ExactSearch(make_contents())
    good = Query((1, 4), 5)
    first, unknown, genre, last = search.batch([good, Query((2,), 5), Query((1,), 5, Where(("Nope",))), good])
    assert isinstance(unknown, RequestError)
    assert "no film has any of the ids 2" in unknown.message
    assert isinstance(genre, RequestError)
    assert first.movie_ids.tolist() == last.movie_ids.tolist()
    assert len(first.movie_ids) == 5
    assert [type(error) for error in search.batch([Query((2,), 5)])] == [RequestError]


def test_fewer_films_than_asked(make_contents):
    contents = make_contents(n_movies=20)
    where = Where(exclude_movie_ids=tuple(int(movie) for movie in contents.catalog.movie_ids[5:]))
    assert len(ExactSearch(contents).candidates([1], 200, where).movie_ids) == 5
