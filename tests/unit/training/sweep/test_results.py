"""Settings, results, Pareto fronts (against brute force), the best setting, and the text."""

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marquee.errors import ConfigError
from marquee_training.config import TrainingConfig, load_config
from marquee_training.evaluation.metrics import ci95
from marquee_training.files import save_whole
from marquee_training.sweep.grid import SIZES, configured, settings_of, view_config
from marquee_training.sweep.plot import check_plots, line_of, number, price, sentences, signed
from marquee_training.sweep.results import AGAINST, choose, load_result, on_front, shown, table_of

GRID = st.integers(0, 6)  # few values, so that there are ties
BASE = configured(TrainingConfig(beta_gen=1.0))


def rows_of(points):
    return [dict.fromkeys(AGAINST, float(x)) | {"ndcg@10": float(y)} for x, y in points]


@pytest.mark.parametrize(("against", "sign"), AGAINST.items())
@given(points=st.lists(st.tuples(GRID, GRID), min_size=1, max_size=25))
def test_nothing_beats_what_is_on_the_front(against, sign, points):
    front = on_front(rows_of(points), against)
    values = [(sign * x, y) for x, y in points]

    def beaten(place):
        x, y = values[place]
        return any(a >= x and b >= y and (a, b) != (x, y) for a, b in values)

    best = {values[place] for place in range(len(points)) if not beaten(place)}
    assert {values[place] for place in front} == best
    assert len(front) == len(best)  # of equals the first alone
    assert all(values.index(values[place]) == place for place in front)
    accuracy = [points[place][1] for place in front]
    assert accuracy == sorted(accuracy, reverse=True)


def test_what_is_shown_keeps_the_ends_and_lies_apart():
    rows = rows_of([(x, 100 - x**2 / 10) for x in range(20)])
    assert on_front(rows, "ild@10") == list(range(20))
    near = list(range(11))  # the others lose more than a tenth
    assert shown(rows, "ild@10", 100) == near
    few = shown(rows, "ild@10", 4)
    assert few == [0, 3, 7, 10]
    assert shown(rows, "ild@10", 11) == near


def test_the_best_is_shown_where_all_else_is_far_worse():
    assert shown(rows_of([(1, 10), (2, 5), (3, 4)]), "coverage@10", 5) == [0]


def result_of(ndcg, ild=0.5, coverage=0.1, popularity=100.0):
    ndcg = np.asarray(ndcg, dtype=np.float64)
    people = {f"ndcg@10_k{k}": ndcg for k in (1, 3, 5, 10)} | {"ild@10": np.full(len(ndcg), ild)}
    return people | {"coverage@10": np.array([coverage]), "median_popularity@10": np.array([popularity])}


@pytest.mark.parametrize(
    ("value", "form", "wanted"),
    [(0.519, ".3f", ".519"), (-0.004, ".3f", "-.004"), (-0.00001, ".3f", ".000"), (1.25, ".2f", "1.25")],
)
def test_numbers_as_the_documents_write_them(value, form, wanted):
    assert number(value, form) == wanted


def test_signs():
    assert [signed(value, ".3f") for value in (0.05, -0.05, 0.0, -10.5)] == ["+.050", "-.050", ".000", "-10.500"]
    assert signed(-14, ".0f") == "-14"


def test_a_setting_says_how_it_differs():
    other = BASE.with_columns({"lambda_mmr": 0.8, "novelty": 0.5, "item_cf": "ease:200"})
    assert other.changes(BASE) == "item_cf ease:200, lambda_mmr 0.8, novelty 0.5"
    assert BASE.changes(BASE) == "as configured"
    assert other.digest != BASE.digest
    assert BASE.with_columns({"diversity": 0.0}).digest != BASE.digest  # said, not left out
    assert "dislike_weight" not in BASE.columns


def test_the_number_of_a_view_is_what_its_kind_is_tuned_by():
    config = TrainingConfig()
    assert view_config(config, "few_seed_ridge") == config
    assert view_config(config, "pure_svd:16").svd_factors == 16
    ease, edlae = view_config(config, "ease:200"), view_config(config, "edlae:200")
    assert (ease.item_cf, ease.item_cf_l2, ease.item_cf_dropout) == ("ease", 200.0, config.item_cf_dropout)
    assert (edlae.item_cf, edlae.item_cf_l2, edlae.item_cf_dropout) == ("edlae", 200.0, 0.98)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["small", "medium", "full"])
def test_sizes_grow_and_begin_with_what_is_configured(size, name):
    config = load_config(name)
    settings = settings_of(config, size)
    assert settings[0] == configured(config)
    assert len({setting.digest for setting in settings}) == len(settings)
    limits = {"quick": (8, 16), "medium": (70, 150), "svd": (40, 60), "full": (700, 1000)}
    assert limits[size][0] <= len(settings) <= limits[size][1]
    for setting in settings:
        view_config(config, setting.view)


def test_the_svd_grid_is_part_of_the_larger_sizes():
    for size in ("medium", "full"):
        views = {setting.view for setting in settings_of(TrainingConfig(), size)}
        assert views >= {f"{kind}:{k}" for kind in ("pure_svd", "svd_centered") for k in (16, 32, 64, 128, 256)}
        assert any(view.startswith("ease") for view in views)
        assert any(view.startswith("edlae") for view in views)


def test_a_price_is_a_sentence():
    marks = [result_of([0.5, 0.7], ild=0.75), result_of([0.49, 0.7], ild=0.8, coverage=0.2, popularity=80)]
    settings = [BASE, BASE.with_columns({"diversity": 0.2})]
    rows = table_of(settings, marks)
    assert price(rows, settings, 1, "ild@10") == "diversity 0.2: -.005 [-.010, .000] NDCG@10 for +.050 ILD"
    assert price(rows, settings, 1, "median_popularity@10").endswith("NDCG@10 for -20 median popularity")
    assert line_of(rows, settings, 0) == ["as configured", ".6000", "", ".750", ".1000", "100"]
    assert line_of(rows, settings, 1) == ["diversity 0.2", ".5950", "-.005 [-.010, .000]", ".800", ".2000", "80"]
    assert [row["front"] for row in rows] == ["ild@10 coverage@10 median_popularity@10"] * 2


def test_a_winner_by_chance_is_worth_nothing_cross_fitted():
    """Settings that help one fold's people and harm the others': the best on all people gains nothing."""
    base = np.full(100, 0.5)
    first, second = base.copy(), base.copy()
    first[:50] += 0.10
    first[50:] -= 0.05
    second[50:] += 0.08
    second[:50] -= 0.05
    best, gain, honest = choose([result_of(values) for values in (base, first, second)], np.repeat([0, 1], 50))
    assert best == 1
    assert gain.mean() == pytest.approx(0.025)
    assert honest.mean() == pytest.approx(-0.05)  # each fold is judged by what the other one chose


def test_a_real_winner_wins_cross_fitted_too():
    rng = np.random.default_rng(0)
    base = rng.uniform(0.3, 0.7, 200)
    better = base + 0.02 + rng.normal(0, 0.01, 200)
    results = [result_of(values) for values in (base, base - 0.01, better)]
    best, gain, honest = choose(results, np.arange(200) % 5)
    assert best == 2
    assert honest.mean() == pytest.approx(gain.mean())
    low, high = ci95(honest)
    assert 0.015 < low < honest.mean() < high < 0.025
    one_fold = np.zeros(200)
    assert choose([result_of(base), result_of(base)], one_fold)[0] == 0
    assert choose([result_of(base), result_of(better)], one_fold)[2] is None


def test_sentences_name_the_people_and_what_is_free():
    rng = np.random.default_rng(1)
    base = rng.uniform(0.3, 0.7, 60)
    noise = rng.normal(0, 0.02, 60)
    settings = [BASE, BASE.with_columns({"diversity": 0.2}), BASE.with_columns({"diversity": 0.9})]
    results = [
        result_of(base, ild=0.7),
        result_of(base + noise - noise.mean() - 0.001, ild=0.8, coverage=0.05),
        result_of(base - 0.2, ild=0.9, coverage=0.05),
    ]
    rows, choice = table_of(settings, results), choose(results, np.arange(60) % 2)
    text = sentences(rows, settings, choice, cross_fitted=True)
    assert "60 held-out people of all folds" in text[0]
    assert text[1].startswith("most accurate: as configured; ")
    assert text[2].startswith("most variety at no sure cost: diversity 0.2: -.001")
    assert text[3] == "most coverage at no sure cost: as configured"
    assert "validation people" in sentences(rows, settings, choice, cross_fitted=False)[0]


def test_results_survive_the_disk_and_damaged_ones_do_not(tmp_path):
    path = tmp_path / "a" / "x.safetensors"
    result = result_of([0.25, np.nan])
    save_whole(path, result)
    again = load_result(path)
    assert again.keys() == result.keys()
    for name, values in result.items():
        np.testing.assert_array_equal(again[name], values)
    path.write_bytes(path.read_bytes()[:100])
    assert load_result(path) is None
    assert not path.exists()


def test_without_matplotlib_the_fix_is_named(monkeypatch):
    check_plots()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ConfigError, match=r"matplotlib[^$]*marquee\[plots\][^$]*--no-plot"):
        check_plots()
