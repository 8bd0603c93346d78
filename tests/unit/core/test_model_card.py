"""The card says what the manifest says, in words, and nothing else."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from marquee.bundle.card import ModelCard, describe_protocol, describe_source, markdown, model_card
from marquee.bundle.manifest import CodeVersion, DataInfo, Manifest, stamped
from marquee.bundle.metrics import Metrics
from marquee.bundle.publish import pack

GOLDEN = Path(__file__).with_name("golden") / "model_card.md"
PROTOCOL = "few-seeds/1 positive>=4 min_positives=20 draws=3 folds=5/5 seed=1"
METRICS: dict[str, Any] = {
    "protocol": PROTOCOL,
    "n_people": 465,
    "n_niche_people": 157,
    "ndcg@10": {
        "1": {"popularity": 0.48, "pipeline": 0.464, "two_tower": 0.449},
        "5": {"popularity": 0.402, "pipeline": 0.519, "two_tower": 0.488},
    },
    "ci95": {"5": {"popularity": [0.375, 0.428], "pipeline": [0.494, 0.542]}},
    "beyond": {
        "5": {
            "pipeline": {
                "coverage@10": 0.5,
                "median_popularity@10": 115.0,
                "head_share@10": 0.96,
                "stratified_recall@20": 0.078,
                "niche_ndcg@10": 0.466,
                "ild@10": 0.765,
                "genre_divergence@10": None,
            },
            "popularity": {"coverage@10": 0.2, "ild@10": 0.784},
        }
    },
    "beyond_ci95": {"5": {"pipeline": {"ild@10": [0.761, 0.769]}}},
    "calibration": {"popularity": {"ece": None, "curve": []}, "two_tower": {"ece": 0.0064, "curve": []}},
}
COUNTS = {
    "ratings": 100836,
    "people": 610,
    "movies": 50,
    "rated_movies": 48,
    "newest_film_year": 2018,
    "newest_rating_year": 2018,
}
DATA = DataInfo(name="ml-small", source="/srv/secret/ml-small", sha256="a1" * 32, counts=COUNTS)
CONFIG = {"item_cf": "few_seed_ridge", "item_cf_min_positives": 3}


@pytest.fixture(scope="session")
def manifest_of(make_contents):
    """`manifest_of(metrics=..., data=..., config=...)`."""

    def make(metrics=METRICS, data=DATA, config=CONFIG) -> Manifest:
        version = CodeVersion(marquee="0.1.0")
        measured = Metrics.model_validate(metrics)
        bundle = replace(make_contents(), metrics=measured, data=data, config=config, code_version=version)
        return stamped(pack(bundle)[0], datetime(2026, 1, 1, tzinfo=UTC))

    return make


def test_the_whole_card(manifest_of):
    """Golden: `python -m pytest tests/unit/core/test_model_card.py` shows the difference; read it, then copy it."""
    text = markdown(model_card(manifest_of()))
    assert re.sub(r"Z-[0-9a-f]{8}", "Z-00000000", text) == GOLDEN.read_text("utf-8")


def test_figures_and_intervals_are_the_manifests(manifest_of):
    card = model_card(manifest_of())
    assert [row.model for row in card.accuracy] == ["pipeline", "two_tower", "popularity"]
    ours = card.accuracy[0].values
    assert list(ours) == ["1", "5"]
    assert (ours["5"].mean, ours["5"].ci95, ours["1"].ci95) == (0.519, (0.494, 0.542), None)
    assert "genre_divergence@10" not in card.beyond_accuracy[0].values
    assert [(entry.rung, entry.ece) for entry in card.calibration] == [("two_tower", 0.0064), ("popularity", None)]
    assert (card.people_judging, card.niche_people, card.data.sha256) == (465, 157, "a1a1a1a1a1a1")
    assert card.unknown == []


def test_it_survives_json(manifest_of):
    card = model_card(manifest_of())
    assert ModelCard.model_validate_json(card.model_dump_json()) == card


def test_limits_follow_from_the_figures(manifest_of):
    said = " ".join(model_card(manifest_of()).limits)
    for figures in (
        ["96 %"],
        ["25", "50 films", "50 %"],
        ["niche", "0.466", "0.519", "worse"],
        ["0.464", "0.480", "most liked films"],
        ["3 likes"],
        ["rating", "2018", "film", "2018"],
        ["465 people"],
    ):
        assert re.search(".*".join(figures), said), figures


def changed(**figures: float) -> dict[str, Any]:
    beyond = METRICS["beyond"]["5"]
    return METRICS | {"beyond": {"5": beyond | {"pipeline": beyond["pipeline"] | figures}}}


def test_other_figures_other_words(manifest_of):
    better = changed(**{"niche_ndcg@10": 0.6}) | {
        "n_people": 5000,
        "ndcg@10": {"1": {"pipeline": 0.5, "popularity": 0.4}, "5": {"pipeline": 0.519}},
    }
    data = DATA.model_copy(update={"counts": {"newest_film_year": 1998}})
    said = " ".join(model_card(manifest_of(better, data, {"item_cf": "pure_svd", "item_cf_min_positives": 3})).limits)
    assert "no worse" in said
    assert "newest film is from 1998" in said
    for absent in ("5,000 people", "another model", "newest rating", "at least 3 likes"):
        assert absent not in said


def test_a_bundle_without_figures_says_what_is_not_known(manifest_of):
    card = model_card(manifest_of({}, DataInfo(name="older"), {}))
    assert card.accuracy == card.beyond_accuracy == card.calibration == card.limits == []
    assert "not evaluated" in card.how_judged
    assert len(card.unknown) == 10
    text = markdown(card)
    assert "## Limits and known bias\n\nThe bundle contains no figures" in text
    assert text.endswith(f"- {card.unknown[-1]}\n")
    assert "| ratings | not known |" in text
    assert "NDCG" not in text


@pytest.mark.parametrize(
    "metrics",
    [
        {"ndcg@10": 3, "ci95": [], "beyond": {"5": 1}, "calibration": "good", "n_people": "many", "protocol": 4},
        {"ndcg@10": {"5": {"pipeline": "high"}}, "ci95": {"5": {"pipeline": [1]}}, "beyond": {"5": {"pipeline": 2}}},
        {"ndcg@10": {"5": {"pipeline": None}}, "calibration": {"two_tower": 1}},
    ],
)
def test_strange_figures_are_not_known(manifest_of, metrics):
    card = model_card(manifest_of(metrics))
    assert card.accuracy == card.beyond_accuracy == card.calibration == []
    assert any("accurate" in what for what in card.unknown)
    assert markdown(card)


def test_rows_of_a_later_marquee_keep_their_names(manifest_of):
    later = METRICS | {"ndcg@10": {"5": {"oracle": 0.9, "pipeline": 0.5}}}
    assert [row.label for row in model_card(manifest_of(later)).accuracy] == ["full pipeline (both stages)", "oracle"]


def test_protocols_in_words():
    words = describe_protocol(PROTOCOL, 465)
    assert re.match(r"465 people .* 20 likes .*ratings of 4 .* 5 parts\.", words)
    assert "drawn at random 3 times" in words
    one = describe_protocol("few-seeds/1 positive>=3.5 min_positives=12 draws=1 folds=1/5 seed=7", None)
    assert re.match(r"People .* 12 likes .*ratings of 3\.5 .* 5 parts, of which 1 ", one)
    assert "drawn at random once" in one
    assert "'few-seeds/2 x'" in describe_protocol("few-seeds/2 x", 3)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("/home/ann/ml-25m/", "a folder named ml-25m"),
        ("~/ml-25m", "a folder named ml-25m"),
        (r"C:\data\ml-25m", "a folder named ml-25m"),
        ("/", "a folder"),
        ("https://example.org/ml.zip", "https://example.org/ml.zip"),
        ("synthetic seed=1", "synthetic seed=1"),
        ("", ""),
    ],
)
def test_a_public_card_shows_no_paths(source, words):
    assert describe_source(source) == words


def test_names_are_no_markup(manifest_of):
    evil = DATA.model_copy(update={"name": "a|b <script>*x*\n# title"})
    (line,) = [line for line in markdown(model_card(manifest_of(data=evil))).splitlines() if line.startswith("| data")]
    assert line == r"| data | a\|b \<script\>\*x\*" + r" \# title |"
