"""The models of one fold, calibrated on its validation people, and the people who are asked."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from marquee.pipeline import Pipeline
from marquee_training.calibrate import RUNGS, calibrate, sample
from marquee_training.config import fitting, load_config
from marquee_training.cross_validate import prepare
from marquee_training.data.dataset import Dataset
from marquee_training.evaluation.protocols import few_seeds
from marquee_training.fit import fit
from marquee_training.interactions import Interactions, split_people
from marquee_training.progress import Reporter


@dataclass(frozen=True)
class Asked:
    """A fold: its models, and people whom they have not seen.

    Attributes:
        pipeline: Of the fold.
        everybody: All ratings.
        people: Rows of those held out who have enough likes.
        users: (len(people), d) float32, unit rows: what the Two-Tower makes of all their likes.
    """

    pipeline: Pipeline
    everybody: Interactions
    people: NDArray[np.int64]
    users: NDArray[np.float32]


def folds(dataset: Dataset, n: int) -> Iterator[Asked]:
    """The first n of five folds, fitted as training fits."""
    config = load_config(fitting("auto", len(dataset.ratings)))
    everybody, films = prepare(dataset, config)
    parts = split_people(len(everybody.user_ids), 5, config.validation_share, config.seed)
    for number, fold in enumerate(parts[:n], start=1):
        with Reporter(quiet=False).stage(f"fold {number}/{n}") as report:
            fitted = fit(config, everybody, films, people=fold.train, validation=fold.validation, report=report)
        drawn = [case for k in (1, 3, 5, 10) for case in few_seeds(config, everybody, fold.validation, k, 3, 5)]
        raw = Pipeline(fitted.contents)
        curves = {rung: calibrate(sample(raw, drawn, rung)) for rung in RUNGS}
        rerank = fitted.contents.rerank.model_copy(update={"calibration": curves})
        pipeline = Pipeline(replace(fitted.contents, rerank=rerank))
        people = fold.test[everybody.n_liked[fold.test] >= config.eval_min_positives]
        tower = fitted.contents.two_tower
        users = np.stack([tower.encode(everybody.liked(int(person)).tolist()) for person in people])
        users /= np.linalg.norm(users, axis=1, keepdims=True)
        yield Asked(pipeline, everybody, people, users)
