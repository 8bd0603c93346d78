"""Groups of people whom the models of a fold have not seen, and what their members get from a list."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from marquee.pipeline import Pipeline
from marquee_training.calibrate import RUNGS, calibrate, sample
from marquee_training.config import fitting, load_config
from marquee_training.cross_validate import prepare
from marquee_training.data.dataset import Dataset
from marquee_training.evaluation.metrics import Values, ndcg
from marquee_training.evaluation.protocols import few_seeds
from marquee_training.fit import fit
from marquee_training.interactions import Interactions, split_people
from marquee_training.progress import Reporter

Group = tuple[list[list[int]], list[NDArray[np.int64]]]
"""What each member shows, rows of films; and what each likes besides anything that a member shows."""


@dataclass(frozen=True)
class Asked:
    """A fold's models, all ratings, and the rows of people whom the models have not seen.

    `users`, (len(people), d), are the unit vectors that the Two-Tower makes of all their likes.
    """

    pipeline: Pipeline
    everybody: Interactions
    people: NDArray[np.int64]
    users: NDArray[np.float32]


def folds(dataset: Dataset, n: int) -> Iterator[Asked]:
    """The first n of five folds, fitted as training fits and calibrated on the validation people."""
    config = load_config(fitting("auto", len(dataset.ratings)))
    everybody, films = prepare(dataset, config)
    parts = split_people(len(everybody.user_ids), 5, config.validation_share, config.seed)
    for number, fold in enumerate(parts[:n], start=1):
        with Reporter(quiet=False).stage(f"fold {number}/{n}") as report:
            contents, _, _ = fit(config, everybody, films, people=fold.train, validation=fold.validation, report=report)
        drawn = [case for k in (1, 3, 5, 10) for case in few_seeds(config, everybody, fold.validation, k, 3, 5)]
        raw = Pipeline(contents)
        curves = {rung: calibrate(sample(raw, drawn, rung)) for rung in RUNGS}
        rerank = contents.rerank.model_copy(update={"calibration": curves})
        pipeline = Pipeline(replace(contents, rerank=rerank))
        people = fold.test[everybody.n_liked[fold.test] >= config.eval_min_positives]
        tower = contents.two_tower
        users = np.stack([tower.encode(everybody.liked(int(person)).tolist()) for person in people])
        users /= np.linalg.norm(users, axis=1, keepdims=True)
        yield Asked(pipeline, everybody, people, users)


def groups(asked: Asked, size: int, seeds: int, *, unlike: bool, seed: int) -> list[Group]:
    """Groups that show `seeds` likes each, with every person once as the first member.

    The others are those least like the first, by the Two-Tower, if `unlike`; else anybody.
    """
    rng = np.random.default_rng(seed)
    found = []
    for first in range(len(asked.people)):
        others = np.delete(np.arange(len(asked.people)), first)
        if unlike:  # of the tenth who are least like the first
            nearest = np.argsort(asked.users[others] @ asked.users[first])
            others = others[nearest[: max(size - 1, len(others) // 10)]]
        members = [first, *rng.choice(others, size - 1, replace=False)]
        liked = [rng.permutation(asked.everybody.liked(int(asked.people[member]))) for member in members]
        shown = [rows[:seeds].tolist() for rows in liked]
        found.append((shown, [np.setdiff1d(rows, np.concatenate(shown)).astype(np.int64) for rows in liked]))
    return found


def gains(wanted: Sequence[NDArray[np.int64]], rows: NDArray[np.int64]) -> Values:
    """(p,) NDCG@n of each member for one list of n films, (n,), by the films that each wants; NaN for no film."""
    hits = np.array([np.isin(rows, own) for own in wanted])
    return ndcg(hits, np.array([len(own) for own in wanted]))
