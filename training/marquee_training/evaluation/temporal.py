"""temporal: models of the past, asked by the people who came after."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from marquee.errors import DataError
from marquee_training.config import TrainingConfig
from marquee_training.data.dataset import Dataset
from marquee_training.evaluation.cases import Cases, pack
from marquee_training.evaluation.rounds import ByK, Question, Round, asked, tuning_cases
from marquee_training.interactions import build_interactions

LATE_SHARE = 0.2
"""About this share of the people, those who came last, are asked."""


def temporal_round(dataset: Dataset, config: TrainingConfig, seed_counts: Sequence[int]) -> Round:
    """Fit on ratings before T, ask the people whose first rating is at T or later.

    T is the first rating of the earliest of the last LATE_SHARE of the people to come. Seeds are a person's
    earliest k likes, targets all later ones. People who came before T and went on after it are fitted on with what
    they rated before.

    Raises:
        DataError: The ratings have no times to tell people apart by, or nobody who came late has enough likes.
    """
    ratings = dataset.ratings
    first = ratings.groupby("user_id")["timestamp"].transform("min")
    firsts = np.sort(ratings.groupby("user_id")["timestamp"].min().to_numpy())
    cut = firsts[min(int(np.ceil(len(firsts) * (1 - LATE_SHARE))), len(firsts) - 1)]
    early = replace(dataset, ratings=ratings[ratings["timestamp"] < cut])
    if not len(early.ratings):
        raise DataError(
            "everybody's first rating has the same time, so nobody came before anybody",
            fix="use another protocol: this data has no times",
        )
    visible = build_interactions(early, config.positive_rating)
    order = np.random.default_rng(config.seed).permutation(len(visible.user_ids))
    n_validation = max(1, int(len(order) * config.validation_share))
    train, validation = np.sort(order[n_validation:]), np.sort(order[:n_validation])
    late = ratings[(first >= cut) & (ratings["rating"] >= config.positive_rating)]
    tests: ByK = {k: earliest_cases(late, visible.movie_ids, k, config.eval_min_positives) for k in seed_counts}
    question = Question("temporal", asked(tests, config), tuning_cases(config, visible, validation, seed_counts))
    return Round("temporal", visible, train, validation, (question,))


def earliest_cases(likes: pd.DataFrame, movie_ids: NDArray[np.int64], k: int, min_positives: int) -> Cases:
    """Each person's earliest k likes as seeds, all later ones as targets.

    Args:
        likes: Columns `user_id`, `movie_id`, `timestamp`. Equal times, of which MovieLens has many, keep the order
            of the rows, so that the seeds don't depend on how a sort goes about it.
        movie_ids: (n,) int64, the catalogue, ascending; films that nobody had rated before T are in it.
        k: How many seeds.
        min_positives: People with fewer likes are not asked.
    """
    ordered = likes.sort_values(["user_id", "timestamp"], kind="stable")
    owners, seeds, targets = [], [], []
    for user, own in ordered.groupby("user_id", sort=True)["movie_id"]:
        if len(own) >= min_positives:
            columns = np.searchsorted(movie_ids, own.to_numpy()).astype(np.int32)
            owners.append(int(str(user)))
            seeds.append(columns[:k])
            targets.append(columns[k:])
    return pack(owners, seeds, targets, len(movie_ids))
