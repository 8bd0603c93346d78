"""The committed sample stands for every bundle written before: these very bytes must go on loading."""

import hashlib
from pathlib import Path

import numpy as np

from marquee.api.contracts import RecommendationRequest
from marquee.bundle import load, publish, verify
from marquee.models.weights import TrainedWeights
from marquee.pipeline import Pipeline
from tests.sample import SAMPLE, load_sample


def test_a_bundle_written_before_still_loads() -> None:
    assert hashlib.sha256((SAMPLE / "manifest.json").read_bytes()).hexdigest() == (
        "a8fe9af3e34d30a057af84ec3bc37f34715ed5acb5ddbd7f8d2c6191d0b7bd0b"
    ), "never write the sample again"
    assert verify(SAMPLE).problems == ()
    bundle = load_sample()
    assert bundle.version == "2026-01-01T00-00-00Z-0c005ff2"
    assert (bundle.data.name, bundle.code_version.marquee) == ("invented films", "0.1.0")  # type: ignore[union-attr]
    assert bundle.catalog.titles[0] == "The Lantern Thief"


def test_published_again_only_new_settings_are_added(tmp_path: Path) -> None:
    written = {entry.path: entry.sha256 for entry in publish(tmp_path, load_sample(), force=True).manifest.files}
    before = {entry.path: entry.sha256 for entry in load_sample().manifest.files}
    assert {path for path in before if written[path] != before[path]} == {"reranker.json"}
    assert load(tmp_path).rerank == load_sample().rerank


def test_recommendations_look_sane() -> None:
    """Films for children lead to films for children, by both views."""
    bundle = load_sample()
    children = np.flatnonzero(bundle.catalog.genres[:, bundle.catalog.genre_names.index("Children")])
    seeds = children[:2].tolist()
    for scores in (bundle.two_tower.scores(seeds), bundle.item_cf.scores(seeds)):
        scores[seeds] = -np.inf
        assert set(np.argsort(-scores)[:4]) <= set(children.tolist())


def test_a_bundle_without_weights_of_the_lift_has_their_defaults() -> None:
    """Its list is ordered by them, and its affinities are those of its own weights and calibration."""
    assert "lift_" not in (SAMPLE / "reranker.json").read_text("utf-8")
    bundle = load_sample()
    chosen = bundle.rerank.weights.model_dump()
    assert {name: chosen[name] for name in chosen if name.startswith("lift_")} == {
        name: field.default for name, field in TrainedWeights.model_fields.items() if name.startswith("lift_")
    }
    seeds = [int(movie) for movie in bundle.catalog.movie_ids[:2]]
    answers = [
        Pipeline(bundle).recommend(RecommendationRequest(movie_ids=seeds, novelty=novelty, top_n=30))
        for novelty in (0.0, 1.0)
    ]
    plain, lifted = ([film.movie_id for film in answer.recommendations] for answer in answers)
    assert plain != lifted
    first, last = ({film.movie_id: film.affinity_score for film in answer.recommendations} for answer in answers)
    assert first == last
