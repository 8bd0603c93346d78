"""What a sweep says: settings, prices, the winner."""

import numpy as np
import pytest

from marquee.errors import ConfigError
from marquee_training.config import TrainingConfig, load_config
from marquee_training.sweep.choice import choose
from marquee_training.sweep.grid import configured, view_config
from marquee_training.sweep.results import Marks, keep, kept
from marquee_training.sweep.sizes import SIZES, settings_of, turned
from marquee_training.sweep.table import table_of
from marquee_training.sweep.words import line_of, number, price, sentences, signed

BASE = configured(TrainingConfig(beta_gen=1.0))


def marks_of(ndcg, ild=0.5, coverage=0.1, popularity=100.0, fold=None):
    ndcg = np.asarray(ndcg, dtype=np.float64)
    values = {f"ndcg@10_k{k}": ndcg for k in (1, 3, 5, 10)} | {"ild@10": np.full(len(ndcg), ild)}
    fold = np.zeros(len(ndcg), dtype=np.int64) if fold is None else np.asarray(fold)
    return Marks(values, fold, {"coverage@10": coverage, "median_popularity@10": popularity})


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
    other = turned(BASE, {"lambda_mmr": 0.8, "novelty": 0.5, "item_cf": "ease:200"})
    assert other.changes(BASE) == "item_cf ease:200, lambda_mmr 0.8, novelty 0.5"
    assert BASE.changes(BASE) == "as configured"
    assert other.digest != BASE.digest
    assert turned(BASE, {"diversity": 0.0}).digest != BASE.digest  # said, not left out
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
    assert len({dials.digest for dials in settings}) == len(settings)
    limits = {"quick": (8, 16), "medium": (70, 150), "full": (700, 1000)}
    assert limits[size][0] <= len(settings) <= limits[size][1]
    for dials in settings:
        view_config(config, dials.view)


def test_the_svd_grid_is_part_of_the_larger_sizes():
    for size in ("medium", "full"):
        views = {dials.view for dials in settings_of(TrainingConfig(), size)}
        assert views >= {f"{kind}:{k}" for kind in ("pure_svd", "svd_centered") for k in (16, 32, 64, 128, 256)}
        assert any(view.startswith("ease") for view in views)
        assert any(view.startswith("edlae") for view in views)


def test_a_price_is_a_sentence():
    marks = [marks_of([0.5, 0.7], ild=0.75), marks_of([0.49, 0.7], ild=0.8, coverage=0.2, popularity=80)]
    settings = [BASE, turned(BASE, {"diversity": 0.2})]
    rows = table_of(settings, marks)
    assert price(rows, settings, 1, "ild@10") == "diversity 0.2: -.005 [-.010, .000] NDCG@10 for +.050 ILD"
    assert price(rows, settings, 1, "median_popularity@10").endswith("NDCG@10 for -20 median popularity")
    assert line_of(rows, settings, 0) == ["as configured", ".6000", "", ".750", ".1000", "100"]
    assert line_of(rows, settings, 1) == ["diversity 0.2", ".5950", "-.005 [-.010, .000]", ".800", ".2000", "80"]
    assert [row["front"] for row in rows] == ["ild@10 coverage@10 median_popularity@10"] * 2


def test_a_winner_by_chance_is_worth_nothing_cross_fitted():
    """Settings that help one fold's people and harm the others': the best on all is nothing of the kind."""
    fold = [0] * 50 + [1] * 50
    base = np.full(100, 0.5)
    first, second = base.copy(), base.copy()
    first[:50] += 0.10
    first[50:] -= 0.05
    second[50:] += 0.08
    second[:50] -= 0.05
    choice = choose([marks_of(values, fold=fold) for values in (base, first, second)])
    assert choice.best == 1
    assert choice.gain.mean == pytest.approx(0.025)
    assert choice.honest.mean == pytest.approx(-0.05)  # each fold is judged by what the other one chose


def test_a_real_winner_wins_cross_fitted_too():
    rng = np.random.default_rng(0)
    base = rng.uniform(0.3, 0.7, 200)
    better = base + 0.02 + rng.normal(0, 0.01, 200)
    choice = choose([marks_of(values, fold=np.arange(200) % 5) for values in (base, base - 0.01, better)])
    assert choice.best == 2
    assert choice.honest.mean == pytest.approx(choice.gain.mean)
    assert 0.015 < choice.honest.low < choice.honest.mean < choice.honest.high < 0.025
    assert choose([marks_of(base), marks_of(base)]).best == 0
    assert choose([marks_of(base), marks_of(better)]).honest is None


def test_sentences_say_who_was_asked_and_what_is_free():
    rng = np.random.default_rng(1)
    base = rng.uniform(0.3, 0.7, 60)
    noise = rng.normal(0, 0.02, 60)
    settings = [BASE, turned(BASE, {"diversity": 0.2}), turned(BASE, {"diversity": 0.9})]
    marks = [
        marks_of(base, ild=0.7, fold=np.arange(60) % 2),
        marks_of(base + noise - noise.mean() - 0.001, ild=0.8, coverage=0.05),
        marks_of(base - 0.2, ild=0.9, coverage=0.05),
    ]
    said = sentences(table_of(settings, marks), settings, choose(marks), cross_fitted=True)
    assert said[0].startswith("asked: 60 held-out people of all folds")
    assert said[1].startswith("most accurate: as configured; choosing so is worth")
    assert said[2].startswith("most variety at no sure cost: diversity 0.2: -.001")
    assert said[3] == "most coverage at no sure cost: as configured"
    assert "validation people" in sentences(table_of(settings, marks), settings, choose(marks), cross_fitted=False)[0]


def test_marks_survive_the_disk(tmp_path):
    marks = marks_of([0.25, np.nan], fold=[0, 1])
    keep(tmp_path / "a" / "x.safetensors", marks)
    again = kept(tmp_path / "a" / "x.safetensors")
    assert again.totals == marks.totals
    assert again.fold.tolist() == [0, 1]
    assert again.values.keys() == marks.values.keys()
    for name, values in marks.values.items():
        np.testing.assert_array_equal(again.values[name], values)
    assert kept(tmp_path / "b.safetensors") is None


def test_without_matplotlib_the_fix_is_named(monkeypatch):
    import sys

    from marquee_training.sweep.plot import check_plots

    check_plots()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ConfigError, match=r"matplotlib[^$]*marquee\[plots\][^$]*--no-plot"):
        check_plots()
