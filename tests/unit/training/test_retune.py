"""The curve of affinity_score follows the weights of the blend that it is fitted on."""

from dataclasses import replace

import pytest

from marquee.bundle.retune import retuned
from marquee.errors import DataError
from marquee_training.config import TrainingConfig
from marquee_training.progress import Reporter
from marquee_training.retune import RUNGS, recalibrated
from marquee_training.train import train

CONFIG = TrainingConfig(
    epochs=4, eval_every=2, embedding_size=8, learning_rate=1e-2, eval_folds_run=1, eval_draws=1, eval_min_positives=12
)


@pytest.fixture(scope="module")
def bundle(dataset, tmp_path_factory):
    return train(dataset, CONFIG, tmp_path_factory.mktemp("store"), reporter=Reporter(quiet=True), force=True)


def test_with_the_same_weights_the_curve_stays(bundle, dataset):
    again = recalibrated(bundle, bundle, dataset)
    for rung in RUNGS:
        old, new = bundle.rerank.calibration[rung], again.rerank.calibration[rung]
        assert (new.slope, new.intercept) == pytest.approx((old.slope, old.intercept), abs=1e-2)
    assert again.rerank.calibration["popularity"] == bundle.rerank.calibration["popularity"]


def test_twice_the_scores_get_half_the_slope(bundle, dataset):
    weights = bundle.rerank.weights
    doubled = {name: 2 * getattr(weights, name) for name in ("alpha_tower", "alpha_cf")}
    after = recalibrated(bundle, retuned(bundle, doubled), dataset)
    for rung in RUNGS:
        old, new = bundle.rerank.calibration[rung], after.rerank.calibration[rung]
        assert (2 * new.slope, new.intercept) == pytest.approx((old.slope, old.intercept), abs=1e-2)


def test_other_films_are_refused(bundle, dataset):
    fewer = replace(dataset, name="fewer", movies=dataset.movies.iloc[1:])
    with pytest.raises(DataError, match=r"fewer has other films than .*, which was trained on world"):
        recalibrated(bundle, bundle, fewer)
