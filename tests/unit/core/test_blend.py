"""The blend: what each part weighs, and how that changes with the number of seeds."""

from dataclasses import replace

import numpy as np
import pytest

from marquee.models.item_cf import ItemCF, standardise
from marquee.models.weights import BlendWeights, RerankConfig
from marquee.rerank.ranker import TERMS, score, year_similarity
from marquee.retrieval.ladder import Pool
from marquee.retrieval.port import Where
from marquee.retrieval.taste import make_taste

WEIGHTS = BlendWeights(alpha_tower=1.0, alpha_cf=0.5, half_history=10.0, delta_pop=-0.8)
ROWS = np.arange(30, 60)


@pytest.fixture(scope="module")
def contents(make_contents):
    return replace(make_contents(n_movies=120, seed=2, history=True), rerank=RerankConfig(weights=WEIGHTS))


def taste_of(contents, seeds, dislikes=()):
    return make_taste(contents, seeds, Where(), np.ones(len(contents.catalog), np.bool_), dislikes=dislikes)


def blended(contents, k, dislikes=()):
    seeds = list(range(k))
    pool = Pool("two_tower", ROWS, contents.two_tower.scores(seeds)[ROWS])
    return score(contents, taste_of(contents, seeds, dislikes), pool)


@pytest.mark.parametrize("k", [1, 3, 10, 30])
def test_weights_move_from_the_few_seed_views_to_that_for_histories(contents, k):
    result = blended(contents, k)
    share = k / (k + 10)
    spreads = {name: float(result.terms[name].std()) for name in TERMS}
    assert spreads["tower"] == pytest.approx(1 - share, rel=1e-3)
    assert spreads["item_cf"] == pytest.approx(0.5 * (1 - share), rel=1e-3)
    assert spreads["history"] == pytest.approx(1.5 * share, rel=1e-3)
    np.testing.assert_allclose(result.score, np.sum(list(result.terms.values()), axis=0), atol=1e-5)


@pytest.mark.parametrize(("k", "spread"), [(1, 0.0), (4, 0.6 * 10 / 14), (25, 0.768 * 10 / 35)])
def test_hits_are_discounted_by_what_the_few_seeds_say(contents, k, spread):
    term = blended(contents, k).terms["popularity"]
    assert float(term.std()) == pytest.approx(spread, abs=1e-3)
    if spread:
        assert np.corrcoef(term, contents.catalog.log_popularity[ROWS])[0, 1] < -0.99


def test_units_are_what_a_unit_of_each_view_adds_to_the_score(contents):
    result = blended(contents, 5)
    tower = contents.two_tower.scores(range(5))
    for term, values in (("tower", tower), ("item_cf", result.taste.few), ("history", result.taste.history)):
        np.testing.assert_allclose(np.diff(result.terms[term]), result.units[term] * np.diff(values[ROWS]), atol=1e-5)


def test_without_a_view_for_histories_the_few_seed_views_keep_all(make_contents):
    plain = replace(make_contents(n_movies=120, seed=2), rerank=RerankConfig(weights=WEIGHTS))
    result = blended(plain, 30)
    assert float(result.terms["tower"].std()) == pytest.approx(1.0, rel=1e-3)
    assert not result.units.get("history")
    assert not result.terms["history"].any()


@pytest.mark.parametrize("seeds", [[], [0]])
def test_on_the_popularity_rung_popularity_alone_decides(contents, seeds):
    result = score(contents, taste_of(contents, seeds), Pool("popularity", ROWS))
    np.testing.assert_array_equal(result.score, contents.catalog.log_popularity[ROWS])


def test_seeds_of_unknown_years_are_close_to_no_film(contents):
    undated = replace(contents.catalog, years=np.where(np.arange(120) < 2, 0, contents.catalog.years))
    assert not year_similarity(undated, ROWS, [0, 1], 8.0).any()
    assert year_similarity(undated, ROWS, [0, 2], 8.0).any()


def test_a_dislike_weighs_the_same_however_many_seeds(contents):
    view = contents.item_cf
    for k in (2, 30):
        result = blended(contents, k, dislikes=[70])
        one_like = 0.5 / result.taste.few[ROWS].std()
        expected = -one_like * np.maximum(view.pull([70])[ROWS], 0)
        np.testing.assert_allclose(result.terms["dislikes"], expected, rtol=1e-3, atol=1e-6)


def test_item_scores_are_both_views_in_units_of_their_own(contents):
    few, history = (np.array(values, dtype=np.float32) for values in ([0, 1, 2, 9], [300, 100, 200, 0]))
    taste = replace(taste_of(contents, [0]), few=few, history=history, share=0.25)
    expected = 0.75 * (few - 3) / few.std() + 0.25 * (history - 150) / history.std()
    np.testing.assert_allclose(taste.item_scores, expected, rtol=1e-5)


def test_values_that_do_not_differ_become_0():
    flat, unit = standardise(np.full(5, 7.0, dtype=np.float32), 2.0)
    assert not flat.any()
    assert unit == 0


def test_views_survive_their_arrays(contents):
    view = contents.item_cf
    again = ItemCF.from_arrays(view.arrays())
    assert {name for name in view.arrays() if name.startswith("history_")}
    np.testing.assert_array_equal(again.history.scores([3, 4]), view.history.scores([3, 4]))
    np.testing.assert_array_equal(again.scores([3, 4]), view.scores([3, 4]))
