"""What can be judged is judged; what can't is said, and still trained and published."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from marquee.api.contracts import RecommendationRequest
from marquee.bundle.card import markdown, model_card
from marquee.bundle.read import load
from marquee.errors import ConfigError, DataError, PublishRefused
from marquee.pipeline import Pipeline
from marquee_training.config import TrainingConfig
from marquee_training.evaluation.panel import choose_panel
from marquee_training.evaluation.report import evaluate
from marquee_training.interactions import build_interactions, is_like
from marquee_training.progress import Reporter
from marquee_training.train import remarks, train

CONFIG = TrainingConfig(epochs=4, eval_every=2, embedding_size=8, learning_rate=1e-2, eval_folds_run=2, eval_draws=1)
QUIET = Reporter(quiet=True)


def few_likes(dataset, least, most, n_people=90, stars=5.0):
    """`n_people` people with `least` to `most` films of their taste each."""
    rng = np.random.default_rng(0)
    movies = dataset.movies["movie_id"].to_numpy()
    rows = [
        (person, movie, stars, 0)
        for person in range(1, n_people + 1)
        for movie in rng.choice(movies[person % 3 :: 3], rng.integers(least, most + 1), replace=False)
    ]
    ratings = pd.DataFrame(rows, columns=["user_id", "movie_id", "rating", "timestamp"])
    kinds = {"user_id": "int32", "movie_id": "int32", "rating": "float32", "timestamp": "int64"}
    return replace(dataset, ratings=ratings.astype(kinds), sha256=f"{least}{most}{n_people}{stars:g}".ljust(64, "0"))


def answers(bundle):
    movies = bundle.catalog.movie_ids.tolist()
    return Pipeline(bundle).recommend(RecommendationRequest(movie_ids=movies[:2], top_n=5)).recommendations


@pytest.mark.parametrize(("least", "most", "judged"), [(4, 6, ["1", "3"]), (4, 10, ["1", "3", "5"]), (2, 4, ["1"])])
def test_people_with_few_likes_judge_requests_of_few_films(dataset, tmp_path, least, most, judged):
    data = few_likes(dataset, least, most)
    published = train(data, CONFIG, tmp_path, reporter=QUIET, force=True)
    manifest = load(tmp_path).manifest
    assert list(manifest.metrics.ndcg) == judged
    assert manifest.metrics.seeds == judged[-1]
    assert set(manifest.metrics.beyond) == {judged[-1]}
    assert manifest.metrics.n_people >= 20
    card = markdown(model_card(manifest))
    assert f"Beyond accuracy, with {judged[-1]} liked film" in card
    assert "Not evaluated: requests with" in card
    assert len(answers(published)) == 5


def test_a_worse_bundle_is_refused_at_the_number_of_seeds_that_both_have(dataset, tmp_path):
    data = few_likes(dataset, 4, 6)
    good = CONFIG.model_copy(update={"epochs": 20})
    train(data, good, tmp_path, reporter=QUIET, force=True)
    worse = good.model_copy(update={"alpha_tower": 0.0, "alpha_cf": 0.0, "beta_gen": -9.0, "lift_genre": 0.0})
    with pytest.raises(PublishRefused, match=r"ndcg@10 at 3 seeds is .* below the current bundle's"):
        train(data, worse, tmp_path, reporter=QUIET)


@pytest.mark.parametrize("n_people", [1, 2, 3, 6, 10])
def test_a_handful_of_people_is_enough_to_train(dataset, tmp_path, n_people):
    data = few_likes(dataset, 8, 18, n_people)
    published = train(data, CONFIG, tmp_path, reporter=QUIET)
    assert any("WARNING: nothing shows that it is any good" in note for note in published.notes)
    assert len(answers(published)) == 5
    again = train(data, CONFIG.model_copy(update={"seed": 2}), tmp_path, reporter=QUIET)
    assert load(tmp_path).version == again.version


def test_what_nobody_can_judge_does_not_replace_what_was_judged(dataset, tmp_path):
    train(few_likes(dataset, 12, 18), CONFIG, tmp_path, reporter=QUIET, force=True)
    with pytest.raises(PublishRefused, match=r"the current bundle was judged, and this one was not: [^$]*--force"):
        train(few_likes(dataset, 12, 18, n_people=3), CONFIG, tmp_path, reporter=QUIET)


def test_enough_likes_are_judged_as_configured(dataset):
    config = CONFIG.model_copy(update={"eval_min_positives": 12})
    panel = choose_panel(config, build_interactions(dataset, 4.0))
    assert panel.config == config
    assert panel.not_judged == ""
    assert len(panel.folds) == 2


def test_films_that_the_item_item_view_leaves_out_are_counted(dataset):
    everybody = build_interactions(dataset, 4.0)
    liked = int(np.count_nonzero(everybody.popularity))
    config = CONFIG.model_copy(update={"item_cf_max_movies": 10})
    (said,) = remarks(config, everybody, choose_panel(config, everybody), "books")
    assert said.startswith(
        f"the item-item view has the 10 most liked books; the Two-Tower alone has {liked - 10} others"
    )
    everything = config.model_copy(update={"item_cf_max_movies": liked, "item_cf_min_positives": 1})
    assert remarks(everything, everybody, choose_panel(everything, everybody), "books") == []


def test_rows_that_all_say_the_same_are_likes(dataset):
    same = few_likes(dataset, 2, 4, stars=1.0).ratings
    assert is_like(same, 4.0).all()
    assert not is_like(same.assign(rating=np.where(same.index == 0, 2.0, 1.0)), 4.0).any()


def harsh(dataset):
    """The same people, none of whom ever gives more than 3."""
    return replace(
        dataset, ratings=dataset.ratings.assign(rating=dataset.ratings["rating"] - 2.0 + 0.5), sha256="c" * 64
    )


def test_harsh_people_like_what_is_above_their_own_mean(dataset, tmp_path):
    data = harsh(dataset)
    with pytest.raises(
        DataError, match=r"none of 120 people likes two films.*4 or more, and the highest is 3\.5"
    ) as error:
        train(data, CONFIG, tmp_path, reporter=QUIET)
    assert 'positive_rating = "mean"' in error.value.fix
    assert "a number such as 3" in error.value.fix
    for threshold in ("mean", 3.0):
        config = CONFIG.model_copy(update={"positive_rating": threshold, "eval_folds_run": 1})
        published = train(data, config, tmp_path, reporter=QUIET, force=True)
        assert published.manifest.metrics.score() > 0
    assert "ratings of 3 or higher" in markdown(model_card(published.manifest))


def test_people_who_like_one_film_each_need_more_ratings(dataset, tmp_path):
    with pytest.raises(DataError, match="none of 90 people likes two films") as error:
        train(few_likes(dataset, 1, 1), CONFIG, tmp_path, reporter=QUIET)
    assert error.value.fix == "give ratings of people who like several films"


@pytest.mark.parametrize("loss", ["softmax", "triplet"])
def test_a_diverging_training_names_the_learning_rate(dataset, tmp_path, loss):
    wild = CONFIG.model_copy(update={"learning_rate": 1e38, "loss": loss, "triplet_samples": 2000})
    with pytest.raises(ConfigError, match="training diverged") as error:
        train(dataset, wild, tmp_path, reporter=QUIET)
    assert "lower learning_rate, which is 1e+38" in error.value.fix


def test_without_times_all_but_the_temporal_protocol_works(dataset):
    timeless = replace(dataset, ratings=dataset.ratings.assign(timestamp=0))
    with pytest.raises(DataError, match="have the same time, or none") as error:
        evaluate(timeless, CONFIG, QUIET, protocols=["temporal"])
    assert "column timestamp" in error.value.fix
