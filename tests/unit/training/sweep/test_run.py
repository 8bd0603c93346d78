"""The whole sweep on the made-up world: figures, resuming, processes."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from marquee.errors import ConfigError, DataError
from marquee.pipeline import Pipeline
from marquee.settings import usable_cores
from marquee_training.evaluation.metrics import ndcg
from marquee_training.evaluation.ranking import hits_of
from marquee_training.evaluation.rows import by_pipeline
from marquee_training.fit import prepare
from marquee_training.interactions import split_people
from marquee_training.progress import Reporter
from marquee_training.sweep.lists import fit_folds, work_key
from marquee_training.sweep.run import run_sweep
from tests.unit.training.conftest import Doomed


def files(place):
    return {path: path.stat().st_mtime_ns for path in sorted((place / ".sweep").rglob("*")) if path.is_file()}


def test_every_setting_is_a_row(swept, place):
    table = pd.read_csv(place / "sweep_quick.csv")
    assert len(table) == len(swept.settings) == 10  # 4 + 4 + 2, of which one is the configured one
    base = table.iloc[0]
    assert (base["lambda_mmr"], base["beta_gen"], base["item_cf"]) == (0.9, 0.2, "few_seed_ridge")
    assert (base["diff"], base["diff_low"], base["diff_high"], base["diff_mean"]) == (0, 0, 0, 0)
    assert (table["n_people"] == base["n_people"]).all()
    assert ((table["diff_low"] <= table["diff"]) & (table["diff"] <= table["diff_high"])).all()
    np.testing.assert_allclose(table["diff"], table["ndcg@10"] - base["ndcg@10"], atol=2e-5)
    np.testing.assert_allclose(table["ndcg@10"], table["ndcg@10_k5"])
    means = table[[f"ndcg@10_k{k}" for k in (1, 3, 5, 10)]].mean(axis=1)
    np.testing.assert_allclose(table["diff_mean"], means - means[0], atol=2e-5)
    assert table["front"].str.contains("ild@10").sum() >= 2


def test_dials_do_what_their_names_say(swept):
    rows = {setting.changes(swept.settings[0]): row for setting, row in zip(swept.settings, swept.rows, strict=True)}
    plain, spread = rows["diversity 0"], rows["diversity 0.5"]
    assert spread["ild@10"] > plain["ild@10"] + 0.05
    lifted = rows["diversity 0, novelty 1"]
    assert lifted["personalisation@10"] > plain["personalisation@10"]
    assert lifted["genre_divergence@10"] < plain["genre_divergence@10"]
    # diversity d is lambda_mmr 1 - d
    same = {name: value for name, value in rows["lambda_mmr 0.5"].items() if "@" in name}
    assert same == {name: spread[name] for name in same}


def test_figures_are_those_of_the_pipeline(swept, folds):
    row = swept.rows[0]
    setting = swept.settings[0]
    found = []
    for fold in folds:
        cases = fold.cases[5]
        (lists,) = by_pipeline(Pipeline(fold.contents(setting.view, setting.weights)))(cases.seeds, (10,))
        found.append(cases.per_person(ndcg(hits_of(lists, cases.targets), cases.n_targets)))
    assert row["ndcg@10"] == pytest.approx(np.concatenate(found).mean(), abs=1e-5)
    assert row["n_people"] == sum(map(len, found))


def test_nobody_is_asked_whom_the_models_saw(folds, dataset, config):
    everybody, _ = prepare(dataset, config)
    parts = split_people(len(everybody.user_ids), config.eval_folds, config.validation_share, config.seed)
    for fold, part in zip(folds, parts, strict=False):
        for cases in fold.cases.values():
            assert set(cases.unique_people) <= set(part.test)
            assert np.array_equal(cases.unique_people, fold.cases[5].unique_people)


def test_one_fold_asks_its_validation_people(dataset, config, tmp_path):
    one = config.model_copy(update={"eval_folds_run": 1, "validation_share": 0.3, "epochs": 1})
    everybody, films = prepare(dataset, one)
    (fold,) = fit_folds(one, everybody, films, [], tmp_path, Reporter(quiet=True))
    part = split_people(len(everybody.user_ids), 3, 0.3, one.seed)[0]
    assert len(fold.cases[5].unique_people)
    assert set(fold.cases[5].unique_people) <= set(part.validation)
    assert not set(fold.cases[5].unique_people) & set(part.test)


@pytest.mark.slow
def test_a_killed_sweep_goes_on_to_the_table_of_one_process(left, swept, sweep, place, tmp_path):
    """Fits are killed in test_train.py."""
    assert Path("sweep_quick.csv") not in left
    assert 0 < sum(path.match("results/*.safetensors") for path in left) < len(swept.settings)
    sweep(tmp_path / "sweep_quick.csv", jobs=1)
    for suffix in (".csv", ".png"):
        assert (tmp_path / f"sweep_quick{suffix}").read_bytes() == (place / f"sweep_quick{suffix}").read_bytes()


def test_a_second_run_only_writes_the_table(sweep, swept, place):
    before, wanted = files(place), (place / "sweep_quick.csv").read_bytes()
    (place / "sweep_quick.csv").unlink()
    sweep(place / "sweep_quick.csv", jobs=1)
    assert (place / "sweep_quick.csv").read_bytes() == wanted
    assert files(place) == before


def test_new_defaults_need_no_new_fits(sweep, swept, config, place):
    """The blend is no part of the models: what other sweeps found is compared with the new defaults."""
    before = files(place)
    other = config.model_copy(update={"lambda_mmr": 0.5, "delta_pop": -0.5})
    again = sweep(place / "other.csv", config=other, blocks=[{"lambda_mmr": [0.5, 0.9]}], jobs=1, draw=False)
    assert again.image is None
    assert not (place / "other.png").exists()
    assert files(place) == before
    assert again.settings[0].weights.lambda_mmr == 0.5
    assert again.rows[0]["diff"] == 0


def test_other_ratings_are_other_work(dataset, config):
    key = work_key(dataset, config)
    assert key == work_key(dataset, config.model_copy(update={"beta_gen": 9.0}))
    assert key != work_key(dataset, config.model_copy(update={"item_cf_l2": 9.0}))
    assert key != work_key(replace(dataset, sha256="b" * 64), config)


def test_damaged_results_are_found_anew(sweep, swept, place):
    wanted = (place / "sweep_quick.csv").read_bytes()
    victim = next((place / ".sweep").rglob(f"results/{swept.settings[3].digest}.safetensors"))
    victim.write_bytes(victim.read_bytes()[:100])
    sweep(place / "sweep_quick.csv", jobs=1)
    assert (place / "sweep_quick.csv").read_bytes() == wanted


def test_an_interrupt_keeps_what_is_done(sweep, swept, config, place):
    """Control-C in the middle: the pool ends, the results that were written stay, and the rest follows later."""

    def end():
        raise KeyboardInterrupt

    blocks = [{"beta_gen": [5.0, 6.0, 7.0]}]
    with pytest.raises(KeyboardInterrupt):
        sweep(place / "stopped.csv", blocks=blocks, jobs=2, reporter=Doomed(1, end))
    assert not (place / "stopped.csv").exists()
    assert len(sweep(place / "stopped.csv", blocks=blocks, jobs=1, draw=False).rows) == 4


def test_mistakes_name_their_fix(sweep, dataset, config, tmp_path):
    with pytest.raises(ConfigError, match=r"no sweep is called 'huge'[^$]*quick, medium, svd, full"):
        run_sweep(dataset, config, "huge", tmp_path / "x.csv", Reporter(quiet=True))
    with pytest.raises(ConfigError, match=r"--jobs 0[^$]*1 or more"):
        sweep(tmp_path / "x.csv", jobs=0)
    few = replace(dataset, ratings=dataset.ratings[dataset.ratings["user_id"] <= 2], sha256="f" * 64)
    with pytest.raises(DataError, match=r"the likes of 2 are too few to hold some out"):
        run_sweep(few, config, "quick", tmp_path / "x.csv", Reporter(quiet=True), draw=False)


def test_there_are_as_many_processes_as_processors(monkeypatch):
    assert 1 <= usable_cores() <= os.cpu_count()
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert usable_cores() == os.cpu_count()
