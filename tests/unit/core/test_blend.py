"""The two blends: what each part weighs, how that changes with the number of seeds, and how novelty mixes them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marquee.models.item_cf import ItemCF
from marquee.models.standardise import Moments
from marquee.models.weights import BlendWeights, RerankConfig
from marquee.rerank.ranker import TERMS, lift_share, score
from marquee.retrieval.ladder import Pool
from marquee.retrieval.port import Where
from marquee.retrieval.taste import View, make_taste

WEIGHTS = BlendWeights(alpha_tower=1.0, alpha_cf=0.5, half_history=10.0, beta_gen=0.3, gamma_year=0.2, delta_pop=-0.8)
ROWS = np.arange(120)


@pytest.fixture(scope="module")
def contents(make_contents):
    return replace(make_contents(n_movies=120, seed=2, history=True), rerank=RerankConfig(weights=WEIGHTS))


def taste_of(contents, seeds, dislikes=()):
    return make_taste(contents, seeds, Where(), np.ones(len(contents.catalog), np.bool_), dislikes=dislikes)


def ranked(contents, k, dislikes=(), rows=ROWS, novelty=0.0):
    seeds = list(range(k))
    pool = Pool("two_tower", rows, contents.two_tower.scores(seeds)[rows])
    return score(contents, taste_of(contents, seeds, dislikes), pool, novelty)


def moments(contents, term):
    """Of a term of all films, over the catalogue as people like it."""
    return Moments.of(term, contents.like_shares)


@pytest.mark.parametrize("k", [1, 3, 10, 30])
def test_weights_move_from_the_few_seed_views_to_that_for_histories(contents, k):
    result = ranked(contents, k).probable
    share = k / (k + 10)
    expected = {"tower": 1 - share, "item_cf": 0.5 * (1 - share), "history": 1.5 * share}
    for name, weight in expected.items():
        assert moments(contents, result.terms[name]) == pytest.approx((0, weight), rel=1e-3, abs=1e-5), name
    taste = taste_of(contents, range(k))
    np.testing.assert_allclose(result.terms["genre"], 0.3 * taste.content["genre"], rtol=1e-6)
    np.testing.assert_allclose(result.terms["year"], 0.2 * taste.content["year"], rtol=1e-6)


@pytest.mark.parametrize(("k", "spread"), [(1, 0.0), (4, 0.6 * 10 / 14), (25, 0.768 * 10 / 35)])
def test_hits_are_discounted_by_what_the_few_seeds_say(contents, k, spread):
    term = ranked(contents, k).probable.terms["popularity"]
    assert moments(contents, term) == pytest.approx((0, spread), abs=1e-3)
    if spread:
        assert np.corrcoef(term, contents.catalog.log_popularity)[0, 1] < -0.99


def test_units_are_what_a_unit_of_each_view_adds_to_the_score(contents):
    result = ranked(contents, 5)
    tower, taste = contents.two_tower.scores(range(5)), result.taste
    for term, values in (("tower", tower), ("item_cf", taste.few.scores), ("history", taste.history.scores)):
        found = np.diff(result.probable.terms[term])
        np.testing.assert_allclose(found, result.probable.units[term] * np.diff(values), atol=1e-5)


def test_without_a_view_for_histories_the_few_seed_views_keep_all(make_contents):
    plain = replace(make_contents(n_movies=120, seed=2), rerank=RerankConfig(weights=WEIGHTS))
    result = ranked(plain, 30, novelty=1.0)
    assert moments(plain, result.probable.terms["tower"]).deviation == pytest.approx(1.0, rel=1e-3)
    assert not result.probable.units.get("history")
    assert not result.probable.terms["history"].any()
    assert not result.order.terms["history"].any()


def test_lift_leaves_out_what_holds_whoever_asks(contents):
    """Neither the tower's biases nor the item-item view's prior nor popularity change it."""
    anybody = replace(
        contents,
        two_tower=replace(contents.two_tower, item_bias=np.zeros(120, dtype=np.float32)),
        item_cf=replace(contents.item_cf, prior=np.zeros(120, dtype=np.float32)),
    )
    for k in (1, 5):
        lift, other = (ranked(bundle, k, novelty=1.0).order for bundle in (contents, anybody))
        assert not lift.terms["popularity"].any()
        np.testing.assert_allclose(lift.score, other.score, atol=1e-5)
        assert not np.allclose(ranked(contents, k).probable.score, ranked(anybody, k).probable.score, atol=0.1)


@pytest.mark.parametrize("k", [1, 5, 30])
def test_in_the_lift_too_long_histories_have_a_view_of_their_own(contents, k):
    result = ranked(contents, k, novelty=1.0)
    share = k / (k + 10)
    expected = {"tower": 1 - share, "item_cf": 0.4 * (1 - share), "history": 0.5 + 1.4 * share}
    for name, weight in expected.items():
        assert moments(contents, result.order.terms[name]) == pytest.approx((0, weight), rel=1e-3, abs=1e-5), name
    np.testing.assert_allclose(result.order.terms["genre"], 4.0 * result.taste.content["genre"], rtol=1e-6)
    np.testing.assert_allclose(result.order.terms["year"], 0.8 * result.taste.content["year"], rtol=1e-6)


@given(k=st.integers(1, 20), novelty=st.floats(0, 1), dislikes=st.sets(st.integers(60, 119), max_size=3))
def test_the_order_is_a_mixture_of_the_two_blends(contents, k, novelty, dislikes):
    result = ranked(contents, k, sorted(dislikes), novelty=novelty)
    lift = ranked(contents, k, sorted(dislikes), novelty=1.0).order
    probable, order, share = result.probable, result.order, lift_share(novelty, k)
    for blend in (probable, order):
        assert tuple(blend.terms) == TERMS
        np.testing.assert_allclose(blend.score, np.sum(list(blend.terms.values()), axis=0), atol=1e-5)
    for name in TERMS:
        expected = (1 - share) * probable.terms[name] + share * lift.terms[name]
        np.testing.assert_allclose(order.terms[name], expected, atol=1e-5, err_msg=name)
    np.testing.assert_array_equal(probable.score, ranked(contents, k, sorted(dislikes)).order.score)
    of_seeds = result.taste.lift_score
    np.testing.assert_allclose(lift.score - lift.terms["dislikes"], of_seeds, atol=1e-5)


def test_few_seeds_leave_more_of_popularity_out():
    for novelty in (0.1, 0.5, 0.9):
        shares = [lift_share(novelty, k) for k in (1, 2, 4, 100)]
        assert all(np.diff(shares) < 0)
        assert shares[0] > novelty > shares[-1]
    assert [lift_share(at, 1) for at in (0.0, 1.0)] == [0.0, 1.0]


@pytest.mark.parametrize("novelty", [0.0, 0.4, 1.0])
def test_a_score_does_not_depend_on_the_other_candidates(contents, novelty):
    rows = np.array([100, 3, 60, 61])
    every, some = (ranked(contents, 4, [70], at, novelty) for at in (ROWS, rows))
    for all_films, few_films in ((every.probable, some.probable), (every.order, some.order)):
        np.testing.assert_array_equal(all_films.score[rows], few_films.score)
        assert all_films.units == few_films.units


@pytest.mark.parametrize("seeds", [[], [0]])
def test_on_the_popularity_rung_popularity_alone_decides(contents, seeds):
    rows = ROWS[30:60]
    result = score(contents, taste_of(contents, seeds), Pool("popularity", rows))
    for blend in (result.probable, result.order):
        np.testing.assert_array_equal(blend.score, contents.catalog.log_popularity[rows])


def test_without_seeds_popularity_alone_decides(contents):
    result = score(contents, taste_of(contents, []), Pool("popularity", ROWS), 0.9)
    np.testing.assert_array_equal(result.probable.score, contents.catalog.log_popularity)
    np.testing.assert_array_equal(result.order.score, contents.catalog.log_popularity)


def test_a_dislike_weighs_the_same_however_many_seeds(contents):
    view = contents.item_cf
    for k in (2, 30):
        result = ranked(contents, k, dislikes=[70], novelty=1.0)
        expected = -0.5 / result.taste.few.moments.deviation * np.maximum(view.pull([70]), 0)
        for blend in (result.probable, result.order):
            np.testing.assert_allclose(blend.terms["dislikes"], expected, rtol=1e-3, atol=1e-6)


def test_item_scores_are_both_views_in_units_of_their_own(contents):
    few, history = (np.array(values, dtype=np.float32) for values in ([0, 1, 2, 9], [300, 100, 200, 0]))
    views = (View(values, Moments.of(values)) for values in (few, history))
    taste = replace(taste_of(contents, [0]), **dict(zip(("few", "history"), views, strict=True)), share=0.25)
    expected = 0.75 * (few - 3) / few.std() + 0.25 * (history - 150) / history.std()
    np.testing.assert_allclose(taste.item_scores, expected, rtol=1e-5)


def test_views_survive_their_arrays(contents):
    view = contents.item_cf
    again = ItemCF.from_arrays(view.arrays())
    assert {name for name in view.arrays() if name.startswith("history_")}
    np.testing.assert_array_equal(again.history.scores([3, 4]), view.history.scores([3, 4]))
    np.testing.assert_array_equal(again.scores([3, 4]), view.scores([3, 4]))
