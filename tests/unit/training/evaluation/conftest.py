"""Rounds and rows of the made-up world, fitted once."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from marquee_training.config import TrainingConfig
from marquee_training.evaluation.protocols import rounds_of
from marquee_training.evaluation.rows import full_rows
from marquee_training.fit import prepare

CONFIG = TrainingConfig(
    epochs=6,
    eval_every=3,
    patience=6,
    embedding_size=16,
    batch_size=32,
    learning_rate=1e-2,
    eval_folds=3,
    eval_folds_run=1,
    eval_draws=2,
    eval_min_positives=12,
    eval_max_people=20,
    item_cf_l2=10,
)
CLASSIC = CONFIG.model_copy(
    update={"loss": "triplet", "item_cf": "svd_centered", "alpha_tower": 0.0, "epochs": 2, "triplet_samples": 2000}
)
ALL = ("few-seeds", "holdout", "temporal", "cold-items")


def fitted(dataset, protocols=ALL):
    """The rounds by name, and the rows of each round's questions."""
    films = prepare(dataset, CONFIG)[1]
    rounds = list(rounds_of(dataset, CONFIG, protocols, (1, 3)))
    return [(each, full_rows(CONFIG, CLASSIC, films, each, lambda *_: None)) for each in rounds]


@pytest.fixture(scope="session")
def settings():
    return SimpleNamespace(config=CONFIG, classic=CLASSIC, protocols=ALL, fitted=fitted)


@pytest.fixture(scope="session")
def timed(dataset):
    """The world, but its people come one after the other, and stay while the next ones come."""
    ratings = dataset.ratings.copy()
    step = ratings.groupby("user_id").cumcount().to_numpy()
    ratings["timestamp"] = ratings["user_id"].to_numpy(np.int64) * 5 + step // 3  # three ratings at a time: ties
    return replace(dataset, ratings=ratings)


@pytest.fixture(scope="session")
def rounds(timed):
    return fitted(timed)
