"""The blend: what each part weighs, and how that changes with the number of seeds."""

import numpy as np
import pytest

from marquee.models.item_cf import ItemCF
from marquee.models.opinion import Opinion, standardised
from marquee.models.weights import BlendWeights
from marquee.rerank.blend import TERMS, blend

WEIGHTS = BlendWeights(alpha_tower=1.0, alpha_cf=0.5, half_history=10.0, delta_pop=-0.8)
ROWS = np.arange(30, 60)


@pytest.fixture(scope="module")
def contents(make_contents):
    return make_contents(n_movies=120, seed=2, history=True)


def blended(contents, k, weights=WEIGHTS, **changes):
    seeds = list(range(k))
    given = {
        "rows": ROWS,
        "tower_scores": contents.two_tower.scores(seeds)[ROWS],
        "opinion": Opinion.of(contents.item_cf, seeds, weights.half_history),
        "seeds": seeds,
    }
    return blend(contents.catalog, contents.item_cf, weights, **{**given, **changes})


@pytest.mark.parametrize("k", [1, 3, 10, 30])
def test_weights_move_from_the_few_seed_views_to_that_for_histories(contents, k):
    result = blended(contents, k)
    share = k / (k + 10)
    spreads = {name: float(result.terms[name].std()) for name in TERMS}
    assert spreads["tower"] == pytest.approx(1 - share, rel=1e-3)
    assert spreads["cf"] == pytest.approx(0.5 * (1 - share), rel=1e-3)
    assert spreads["history"] == pytest.approx(1.5 * share, rel=1e-3)
    np.testing.assert_allclose(result.score, np.sum(list(result.terms.values()), axis=0), atol=1e-5)


@pytest.mark.parametrize(("k", "spread"), [(1, 0.0), (4, 0.6 * 10 / 14), (25, 0.768 * 10 / 35)])
def test_hits_are_discounted_by_what_the_few_seeds_say(contents, k, spread):
    term = blended(contents, k).terms["popularity"]
    assert float(term.std()) == pytest.approx(spread, abs=1e-3)
    if spread:
        assert np.corrcoef(term, contents.catalog.log_popularity[ROWS])[0, 1] < -0.99


def test_units_tell_what_a_unit_of_each_view_is_worth(contents):
    result = blended(contents, 5)
    opinion = Opinion.of(contents.item_cf, range(5), 10.0)
    tower = contents.two_tower.scores(range(5))[ROWS]
    for term, unit, values in (
        ("tower", result.tower_unit, tower),
        ("cf", result.cf_unit, opinion.few[ROWS]),
        ("history", result.history_unit, opinion.history[ROWS]),
    ):
        np.testing.assert_allclose(np.diff(result.terms[term]), unit * np.diff(values), atol=1e-5)


def test_without_a_view_for_histories_the_few_seed_views_keep_all(contents, make_contents):
    plain = make_contents(n_movies=120, seed=2)
    result = blended(plain, 30)
    assert float(result.terms["tower"].std()) == pytest.approx(1.0, rel=1e-3)
    assert result.history_unit == 0
    assert not result.terms["history"].any()


def test_without_seeds_popularity_alone_decides(contents):
    result = blended(contents, 1, tower_scores=None, opinion=None)
    np.testing.assert_array_equal(result.score, contents.catalog.log_popularity[ROWS])


def test_a_dislike_weighs_the_same_however_many_seeds(contents):
    view = contents.item_cf
    few, many = (blended(contents, k, dislikes=[70]) for k in (2, 30))
    for result, k in ((few, 2), (many, 30)):
        one_like = 0.5 / Opinion.of(view, range(k), 10.0).few[ROWS].std()
        expected = -one_like * np.maximum(view.pull([70])[ROWS], 0)
        np.testing.assert_allclose(result.terms["dislikes"], expected, rtol=1e-3, atol=1e-6)


def test_an_opinion_is_both_views_in_units_of_their_own():
    few, history = (np.array(values, dtype=np.float32) for values in ([0, 1, 2, 9], [300, 100, 200, 0]))
    opinion = Opinion(few, history, 0.25)
    expected = 0.75 * (few - 3) / few.std() + 0.25 * (history - 150) / history.std()
    np.testing.assert_allclose(opinion.overall, expected, rtol=1e-5)


def test_values_that_do_not_differ_are_no_opinion():
    flat, unit = standardised(np.full(5, 7.0, dtype=np.float32), 2.0)
    assert not flat.any()
    assert unit == 0


def test_views_survive_their_arrays(contents):
    view = contents.item_cf
    again = ItemCF.from_arrays(view.arrays())
    assert {name for name in view.arrays() if name.startswith("history_")}
    np.testing.assert_array_equal(again.history.scores([3, 4]), view.history.scores([3, 4]))
    np.testing.assert_array_equal(again.scores([3, 4]), view.scores([3, 4]))
