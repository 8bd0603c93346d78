"""The whole job: from a data set to a published bundle that beats what it must beat."""

import errno
import os
import shlex
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import save_file

from marquee.api.contracts import RecommendationRequest
from marquee.bundle.address import open_store
from marquee.bundle.publish import publish
from marquee.bundle.read import load
from marquee.errors import PublishRefused, StoreUnusable
from marquee.pipeline import Pipeline
from marquee_training.calibrate import RUNGS
from marquee_training.config import TrainingConfig
from marquee_training.cross_validate import cross_validate, load_result, save_result
from marquee_training.evaluation.judge import (
    PER_PERSON,
    Judged,
    judge_briefly,
    pooled,
    pooled_people,
    summarise,
    summarise_beyond,
)
from marquee_training.evaluation.panel import choose_panel
from marquee_training.evaluation.rows import SHORT, by_pipeline
from marquee_training.fit import fit, prepare
from marquee_training.progress import Reporter
from marquee_training.train import count, keep, train
from tests.unit.training.conftest import SHORT_CONFIG, Doomed

CONFIG = TrainingConfig(
    epochs=16,
    eval_every=4,
    patience=16,
    embedding_size=16,
    batch_size=32,
    learning_rate=1e-2,
    eval_folds=3,
    eval_folds_run=2,
    eval_draws=1,
    eval_min_positives=12,
    eval_max_people=20,
    item_cf_l2=10,
    triplet_samples=2000,
)


@pytest.fixture(scope="module")
def published(dataset, tmp_path_factory):
    return train(dataset, CONFIG, tmp_path_factory.mktemp("store"), reporter=Reporter(quiet=True))


def test_publishes_a_bundle_that_knows_where_it_came_from(published, dataset):
    bundle = load(published.path.parents[1])
    manifest = bundle.manifest
    assert manifest.version == published.manifest.version
    assert manifest.data.sha256 == dataset.sha256
    assert manifest.data.counts == {
        "ratings": len(dataset.ratings),
        "people": 120,
        "movies": 60,
        "rated_movies": 60,
        "newest_film_year": 1990,
        "newest_rating_year": 1970,
    }
    assert manifest.config == CONFIG.model_dump(mode="json")
    assert {entry.path for entry in manifest.files} >= {"eval/metrics.json", "eval/history.csv"}
    assert not (published.path.parents[1] / ".work").exists() or not any(
        (published.path.parents[1] / ".work").iterdir()
    )


def test_the_manifest_says_how_good_it_is_beside_the_baselines(published):
    metrics = published.manifest.metrics.document
    for k in ("1", "3", "5", "10"):
        assert set(metrics["ndcg@10"][k]) == {"popularity", "svd_centered", "edlae", "two_tower", "pipeline"}
        low, high = metrics["ci95"][k]["pipeline"]
        assert low <= metrics["ndcg@10"][k]["pipeline"] <= high
    assert metrics["ndcg@10"]["5"]["pipeline"] > metrics["ndcg@10"]["5"]["popularity"] + 0.2
    assert metrics["pipeline_lead"]["5"]["popularity"]["ci95"][0] > 0
    assert metrics["n_people"] == 2 * CONFIG.eval_max_people


def test_the_manifest_says_what_lies_beyond_accuracy(published):
    metrics = published.manifest.metrics.document
    (rows,) = metrics["beyond"].values()
    assert set(rows) == set(SHORT)
    for name, row in rows.items():
        assert set(row) == {"coverage@10", "median_popularity@10", "personalisation@10", *PER_PERSON}
        assert set(metrics["beyond_ci95"]["5"][name]) == set(PER_PERSON)
        for metric, (low, high) in metrics["beyond_ci95"]["5"][name].items():
            assert low <= row[metric] <= high
    # Tastes are what there is to learn here: everybody gets films of their own, so more of them are shown.
    assert rows["pipeline"]["coverage@10"] > rows["popularity"]["coverage@10"]
    assert rows["pipeline"]["stratified_recall@20"] > rows["popularity"]["stratified_recall@20"]
    assert rows["pipeline"]["genre_divergence@10"] < rows["popularity"]["genre_divergence@10"]
    folds = metrics["n_niche_people"] - metrics["n_people"] / 3
    assert 0 <= folds < CONFIG.eval_folds_run


def test_affinity_is_calibrated_on_every_rung(published):
    bundle = load(published.path.parents[1])
    assert set(bundle.rerank.calibration) == set(RUNGS)
    assert published.manifest.metrics.document["calibration"]["two_tower"]["ece"] < 0.1
    pipeline = Pipeline(bundle)
    movies = bundle.catalog.movie_ids
    answer = pipeline.recommend(RecommendationRequest(movie_ids=[int(movies[0]), int(movies[3])], top_n=5))
    assert all(film.genres == ["Comedy"] for film in answer.recommendations)
    assert answer.recommendations[0].affinity_score > 0.5


def hits_only(dataset):
    """The same films and people, but everybody likes the same hits: popularity is all there is to learn."""
    rng = np.random.default_rng(0)
    chance = 0.95 * np.exp(-np.arange(60) / 40)
    rows, columns = np.nonzero(rng.random((120, 60)) < np.maximum(chance, 0.3))
    ratings = pd.DataFrame(
        {
            "user_id": (rows + 1).astype(np.int32),
            "movie_id": dataset.movies["movie_id"].to_numpy()[columns],
            "rating": np.where(rng.random(len(rows)) < chance[columns], 5.0, 1.0).astype(np.float32),
            "timestamp": np.arange(len(rows), dtype=np.int64),
        }
    )
    return replace(dataset, ratings=ratings, sha256="b" * 64)


def test_what_is_worse_than_popularity_is_refused(dataset, tmp_path):
    bad = CONFIG.model_copy(
        update={"loss": "triplet", "item_cf": "svd_centered", "alpha_tower": 0.0, "epochs": 1, "eval_folds_run": 1}
    )
    data = hits_only(dataset)
    with pytest.raises(PublishRefused, match=r"popularity[^$]*--force"):
        train(data, bad, tmp_path, reporter=Reporter(quiet=True))
    assert not (tmp_path / "CURRENT.json").exists()
    forced = train(data, bad, tmp_path, reporter=Reporter(quiet=True), force=True)
    assert load(tmp_path).version == forced.version


def test_years_that_nobody_knows_are_not_counted(dataset):
    timeless = replace(
        dataset,
        ratings=dataset.ratings.assign(timestamp=0)[dataset.ratings["movie_id"] > 10],
        movies=dataset.movies.assign(year=0),
    )
    counts = count(timeless)
    assert counts.keys() == {"ratings", "people", "movies", "rated_movies"}
    assert counts["rated_movies"] == counts["movies"] - 1


def test_fold_results_survive_the_disk(dataset, tmp_path):
    everybody, films = prepare(dataset, SHORT_CONFIG)
    (result,) = cross_validate(choose_panel(SHORT_CONFIG, everybody), everybody, films, Reporter(quiet=True))
    save_result(tmp_path, result)
    restored = load_result(tmp_path)
    assert restored.epochs == result.epochs
    assert restored.history == result.history
    assert restored.per_person.keys() == result.per_person.keys()
    assert all(np.array_equal(restored.per_person[key], result.per_person[key]) for key in result.per_person)
    assert restored.beyond.keys() == result.beyond.keys() == set(SHORT)
    for row, judged in result.beyond.items():
        again = restored.beyond[row]
        assert np.array_equal(again.shown, judged.shown)
        assert np.array_equal(again.likes_shown, judged.likes_shown)
        for metric in PER_PERSON:
            assert np.array_equal(again.values[metric], judged.values[metric], equal_nan=True)
    for rung in RUNGS:
        assert np.array_equal(restored.samples[rung].scores, result.samples[rung].scores)
        assert np.array_equal(restored.samples[rung].liked, result.samples[rung].liked)


class Killed(BaseException):
    pass


@pytest.mark.slow
def test_a_job_killed_again_and_again_ends_with_the_same_bundle(published, dataset, tmp_path):
    """Killed at growing numbers of epochs; each start goes on, and the last one publishes what one run would.

    So the same data and configuration give the same bundle. test_distributed kills real processes.
    """

    def end():
        raise Killed

    for limit in (3, 9, 22):
        with pytest.raises(Killed):
            train(dataset, CONFIG, tmp_path, reporter=Doomed(limit, end))
        assert not (tmp_path / "CURRENT.json").exists()
    again = train(dataset, CONFIG, tmp_path, reporter=Reporter(quiet=True))
    assert again.manifest.content_hash() == published.manifest.content_hash()


def test_summary_of_a_known_table():
    per_person = {("pipeline", 5): np.array([0.4, 0.6]), ("popularity", 5): np.array([0.3, 0.4])}
    metrics = summarise(CONFIG, pooled_people([per_person, per_person]))
    assert metrics["ndcg@10"]["5"] == {"pipeline": 0.5, "popularity": 0.35}
    assert metrics["pipeline_lead"]["5"]["popularity"]["mean"] == 0.15
    assert metrics["n_people"] == 4


def test_what_an_older_marquee_kept_of_a_fold_is_judged_again(dataset, tmp_path):
    save_file({"ndcg.pipeline.5": np.zeros(3)}, tmp_path / "result.safetensors", {"epochs": "3", "history": "[]"})
    assert load_result(tmp_path) is None


@pytest.mark.parametrize("content", [b"", b"\x08\x00\x00\x00\x00\x00\x00\x00{"])
def test_a_damaged_fold_result_is_judged_again(tmp_path, content):
    (tmp_path / "result.safetensors").write_bytes(content)
    assert load_result(tmp_path) is None
    assert not (tmp_path / "result.safetensors").exists()


def test_summary_beyond_accuracy_of_a_known_table():
    """Two folds of two people: means over those who have a value, films counted once over all folds."""
    nan = float("nan")

    def fold(shown, tail):
        values = {metric: np.array([0.25, 0.75]) for metric in PER_PERSON}
        values |= {"niche_ndcg@10": np.array(tail), "genre_divergence@10": np.array([nan, nan])}
        return {"pipeline": Judged(values, np.array(shown), np.array([3, 5], dtype=np.int32))}

    parts = [fold([1, 0, 1, 0], [nan, 0.5]), fold([0, 0, 2, 0], [0.7, nan])]
    summary = summarise_beyond({"pipeline": pooled([part["pipeline"] for part in parts])})
    assert summary["beyond"]["5"]["pipeline"] == {
        "coverage@10": 0.5,
        "median_popularity@10": 4.0,
        "stratified_recall@20": 0.5,
        "niche_ndcg@10": 0.6,
        "ild@10": 0.5,
        "genre_divergence@10": None,
        "head_share@10": 0.5,
        "hits_share@10": 0.5,
        "personalisation@10": 1.0,
    }
    assert summary["beyond_ci95"]["5"]["pipeline"]["niche_ndcg@10"] == [0.5, 0.7]
    assert "genre_divergence@10" not in summary["beyond_ci95"]["5"]["pipeline"]
    assert summary["n_niche_people"] == 2


def test_the_pipeline_row_is_the_product(dataset):
    """The row asks the pipeline itself: turning its dials changes the row."""
    everybody, films = prepare(dataset, CONFIG)
    contents = fit(CONFIG, everybody, films, people=np.arange(80), stop_after=8)[0]
    spread = contents.rerank.model_copy(
        update={"weights": contents.rerank.weights.model_copy(update={"lambda_mmr": 0.0})}
    )
    rows = {
        "plain": by_pipeline(Pipeline(contents)),
        "spread": by_pipeline(Pipeline(replace(contents, rerank=spread))),
    }
    genres = films.catalog.genres
    marks, beyond = judge_briefly(CONFIG, everybody, np.arange(80, 120), rows, everybody, genres)
    assert marks["plain", 5].mean() > marks["spread", 5].mean() + 0.1
    assert beyond["spread"].values["ild@10"].mean() > beyond["plain"].values["ild@10"].mean() + 0.1


def refusing(monkeypatch, call, number, where):
    real = getattr(os, call)

    def refuse(*arguments):
        if where(arguments):
            raise OSError(number, os.strerror(number))
        return real(*arguments)

    monkeypatch.setattr(os, call, refuse)


def test_a_store_that_cannot_be_written_is_found_before_the_work(dataset, tmp_path, monkeypatch):
    refusing(monkeypatch, "replace", errno.ENOSYS, lambda _: True)
    monkeypatch.setattr("marquee_training.train.prepare", lambda *_: pytest.fail("it began to work"))
    with pytest.raises(StoreUnusable, match="ENOSYS") as caught:
        train(dataset, CONFIG, tmp_path / "store", reporter=Reporter(quiet=True))
    assert "s3://" in caught.value.fix


def test_a_finished_model_that_cannot_be_published_is_kept(dataset, tmp_path, monkeypatch):
    """The disk is full after the work; the command in the fix publishes the model."""
    store, config = tmp_path / "store", CONFIG.model_copy(update={"epochs": 1, "eval_folds_run": 1})
    with monkeypatch.context() as patched:
        refusing(patched, "rename", errno.ENOSPC, lambda arguments: "/versions/2" in str(arguments[1]))
        with pytest.raises(StoreUnusable, match=r"ENOSPC.*the finished model is in") as caught:
            train(dataset, config, store, reporter=Reporter(quiet=True), force=True)
    words = shlex.split(caught.value.fix.rpartition("then: ")[2])
    assert words[:2] == ["marquee", "publish"]
    assert words[3:] == ["--store", str(store), "--channel", "current"]
    kept = load(words[2])
    publish(store, kept, force=True)
    assert load(store).manifest.content_hash() == kept.manifest.content_hash()


def test_it_is_kept_elsewhere_where_the_whole_store_is_read_only(tmp_path, make_contents, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    store, error = open_store(tmp_path / "store"), StoreUnusable("no", fix="mount it")
    refusing(monkeypatch, "mkdir", errno.EROFS, lambda arguments: "/.work/" in str(arguments[0]))
    keep(make_contents(), store, store.work / "key", error, "staging")
    folder = tmp_path / "temporary" / "marquee-key" / "finished"
    assert error.message == f"no; the finished model is in {folder}"
    assert error.fix == f"mount it; then: marquee publish {folder} --store {store} --channel staging"
    assert load(folder).manifest.n_movies == len(make_contents().catalog)


def test_unfinished_work_that_cannot_be_saved_is_said(dataset, tmp_path, monkeypatch):
    refusing(
        monkeypatch, "replace", errno.EDQUOT, lambda arguments: str(arguments[1]).endswith("checkpoint.safetensors")
    )
    with pytest.raises(StoreUnusable, match=r"EDQUOT.*"):
        train(dataset, CONFIG, tmp_path / "store", reporter=Reporter(quiet=True))
