"""A small sweep of the synthetic world: killed once in two processes, then continued."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from marquee_training.config import TrainingConfig
from marquee_training.fit import prepare
from marquee_training.progress import Reporter
from marquee_training.sweep.grid import SIZES
from marquee_training.sweep.lists import fit_folds, work_key
from marquee_training.sweep.run import run_sweep
from tests.waiting import until

ROOT = Path(__file__).parents[4]

CONFIG = TrainingConfig(
    epochs=2,
    eval_every=1,
    patience=2,
    embedding_size=8,
    batch_size=32,
    learning_rate=1e-2,
    eval_folds=3,
    eval_folds_run=2,
    eval_draws=1,
    eval_min_positives=12,
    eval_max_people=20,
    item_cf_l2=10,
    beta_gen=0.2,
    n_item_cf_candidates=25,
)
TINY = [
    {"lambda_mmr": [0.5, 0.9], "delta_pop": [-0.5, 0.0]},
    {"diversity": [0.0, 0.5], "novelty": [0.0, 1.0]},
    {"item_cf": ["pure_svd:4", "edlae:50"]},
]


@pytest.fixture(scope="session")
def config():
    return CONFIG


@pytest.fixture(scope="session")
def sweep(dataset):
    """`sweep(path, config=CONFIG, blocks=TINY, **arguments) -> Sweep`: a size of few settings."""

    def run(path, config=CONFIG, blocks=TINY, reporter=None, **arguments):
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(SIZES, "quick", blocks)
            return run_sweep(dataset, config, "quick", path, reporter or Reporter(quiet=True), **arguments)

    return run


@pytest.fixture(scope="session")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("sweep")


@pytest.fixture(scope="session")
def left(place):
    """The files that the sweep has left when it was killed between the results of two processes, which end too."""
    command = [sys.executable, "-m", "tests.unit.training.sweep.killed_sweep", place, "9"]
    died = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert died.returncode == -signal.SIGKILL, died.stderr
    for worker in map(int, (place / "workers").read_text().split()):
        until(lambda worker=worker: has_ended(worker), what=f"the end of process {worker}, whose parent was killed")
    return [path.relative_to(place) for path in place.rglob("*")]


def has_ended(process):
    stat = Path(f"/proc/{process}/stat")
    return not stat.exists() or "Z" in stat.read_text().split(")")[1][:3]


@pytest.fixture(scope="session")
def swept(sweep, left, place):
    """The rest of it in one process."""
    return sweep(place / "sweep_quick.csv", jobs=1)


@pytest.fixture(scope="session")
def folds(swept, dataset, config, place):
    """The folds of that sweep, with the models that it saved."""
    everybody, films = prepare(dataset, config)
    return fit_folds(config, everybody, films, [], place / ".sweep" / work_key(dataset, config), Reporter(quiet=True))
