"""Other weights for the same models: a version of its own, without figures that it didn't earn."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from marquee.bundle import Bundle, list_versions, load, publish, rollback
from marquee.bundle.card import model_card
from marquee.bundle.retune import retuned
from marquee.errors import ConfigError, PublishRefused


@pytest.fixture
def judged(store: Path, make_contents: Any) -> Bundle:
    return publish(store, make_contents())


def test_the_models_stay_and_the_weights_change(judged: Bundle, store: Path) -> None:
    changed = publish(store, retuned(judged, {"lambda_mmr": 0.3, "lift_genre": 1.0}), force=True)
    now = load(store)
    assert now.version == changed.version != judged.version
    assert now.rerank.weights.lambda_mmr == 0.3
    others = {"lambda_mmr", "lift_genre"}
    assert now.rerank.weights.model_dump(exclude=others) == judged.rerank.weights.model_dump(exclude=others)
    assert now.rerank.calibration == judged.rerank.calibration
    assert np.array_equal(now.two_tower.item_vectors, judged.two_tower.item_vectors)
    assert now.data == judged.data
    rollback(store)
    assert load(store).version == judged.version


def test_figures_of_the_earlier_weights_are_not_its_own(judged: Bundle, store: Path) -> None:
    made = retuned(judged, {"lambda_mmr": 0.3})
    assert made.metrics.score() is None
    with pytest.raises(PublishRefused, match=r"lambda_mmr 0\.9 -> 0\.3[^$]*has NDCG@10 0\.500 at 5 seeds[^$]*--force"):
        publish(store, made)
    changed = publish(store, made, force=True)
    assert any("lambda_mmr 0.9 -> 0.3" in limit for limit in model_card(changed.manifest).limits)
    again = publish(store, retuned(changed, {"lambda_mmr": 0.4}))  # the one before has no figures to lose either
    assert "WARNING" in again.notes[0]


def test_the_list_says_where_a_version_came_from(judged: Bundle, store: Path) -> None:
    publish(store, retuned(judged, {"lambda_mmr": 0.3}), force=True)
    assert [entry.origin for entry in list_versions(store)] == [judged.version, ""]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lambda": 0.3}, r"no dial is called 'lambda'[^$]*lambda_mmr"),
        ({"lambda_mmr": 1.5}, r"--set lambda_mmr: Input should be less than or equal to 1"),
        ({"lift_cf": float("nan")}, r"--set lift_cf"),
        ({"lambda_mmr": 0.9}, r"nothing to change[^$]*lambda_mmr=0\.9"),
        ({}, r"nothing to change[^$]*now: alpha_tower=1"),
    ],
)
def test_mistakes_name_the_dials(judged: Bundle, changes: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        retuned(judged, changes)
