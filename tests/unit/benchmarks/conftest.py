"""A made-up world, its first round, and a library of our own that runs in this environment."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks.quality.exchange import write_round
from benchmarks.quality.opponents import Opponent
from marquee_training.config import TrainingConfig
from marquee_training.data.sources import obtain
from marquee_training.data.synthetic import synthesize, write_movielens
from marquee_training.evaluation.protocols import rounds_of
from marquee_training.fit import prepare

CONFIG = TrainingConfig(
    epochs=2,
    eval_every=1,
    patience=2,
    embedding_size=8,
    batch_size=32,
    eval_folds=3,
    eval_folds_run=2,
    eval_draws=1,
    eval_min_positives=12,
    eval_max_people=20,
    item_cf_min_positives=1,
)
PROTOCOLS = ("few-seeds", "holdout")
SEEDS = (1, 3)


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    """Data, configuration and first round of a small world, as a folder that any process can read."""
    folder = tmp_path_factory.mktemp("world")
    write_movielens(synthesize(n_users=90, n_movies=250, n_ratings=5000, seed=3), folder)
    dataset = obtain(folder)
    everybody, films = prepare(dataset, CONFIG)
    round_ = next(rounds_of(dataset, CONFIG, PROTOCOLS, SEEDS))
    return SimpleNamespace(
        folder=folder, dataset=dataset, config=CONFIG, everybody=everybody, films=films, round=round_, seeds=SEEDS
    )


@pytest.fixture
def place(tmp_path, world):
    """A folder with the round in it."""
    write_round(tmp_path / "round-1" / "round.npz", world.round, world.films.catalog.genres)
    return tmp_path / "round-1"


@pytest.fixture
def opponent():
    """Makes an opponent out of a class of tiny_library.py."""

    def make(model="Popular", name="theirs", **given):
        known = {"settings": ({"weight": 1.0},), "min_likes": 0, "environment": "here"} | given
        file = Path(__file__).parent / "tiny_library.py"
        return Opponent(name=name, model=f"{file}:{model}", about="a", cold="b", source="c", **known)

    return make


@pytest.fixture(scope="session")
def python():
    return Path(sys.executable)
