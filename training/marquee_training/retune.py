"""Calibrate a bundle whose re-ranker got other weights, without training."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from marquee.bundle.bundle import Bundle
from marquee.errors import DataError
from marquee.models.weights import NOVELTY, Calibration, Rung
from marquee.pipeline import Pipeline
from marquee.rerank.ranker import log_odds
from marquee_training.calibrate import MIN_SLOPE, SHOWN
from marquee_training.config import TrainingConfig
from marquee_training.data.dataset import Dataset
from marquee_training.evaluation.cases import Case, few_seed_cases, seed_counts
from marquee_training.interactions import build_interactions

PEOPLE = 300
RUNGS: tuple[Rung, ...] = ("two_tower", "item_cf")
"""The rungs whose scores depend on the weights."""


def recalibrated(before: Bundle, after: Bundle, dataset: Dataset) -> Bundle:
    """The bundle with a curve for its new weights that says what the old curve said, on average, of the same films.

    The people of the data give the requests, not the answers: the published models were trained on their likes, so that
    these would look more certain than new people's. With equal weights, the curve stays as it is.

    Raises:
        DataError: The data has other films than the bundle, or nobody who likes two.
    """
    if not np.array_equal(dataset.movies["movie_id"].to_numpy(np.int64), before.catalog.movie_ids):
        raise DataError(
            f"{dataset.name} has other films than {before.version}, which was trained on {before.data.name}",
            fix="give the ratings that it was trained on",
        )
    known = {name: value for name, value in before.config.items() if name in ("positive_rating", "seed")}
    config = TrainingConfig(**known)
    everybody = build_interactions(dataset, config.positive_rating)
    counts = seed_counts(max(int(np.median(everybody.n_liked)), 3))
    people = np.arange(len(everybody.user_ids))
    cases: list[Case] = []
    for k in counts:
        options = {"min_positives": k + 1, "draws": 1, "seed": config.seed + 10, "max_people": PEOPLE}
        cases += few_seed_cases(everybody, people, k, **options)
    if not cases:
        raise DataError("nobody likes two films, so there is nothing to calibrate by", fix="give more ratings")
    curves = {rung: _transferred(before, after, cases, rung) for rung in RUNGS}
    calibration = after.rerank.calibration | curves
    return replace(after, rerank=after.rerank.model_copy(update={"calibration": calibration}))


def _transferred(before: Bundle, after: Bundle, cases: Sequence[Case], rung: Rung) -> Calibration:
    """A curve fitted on the new scores, with the old curve's probabilities as the shares of likes."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - takes seconds to import

    scores, shares = [], []
    old, new = Pipeline(before), Pipeline(after)
    for _, seeds, _ in cases:
        then, now = (one.score_candidates(seeds.tolist(), rung, novelty=NOVELTY) for one in (old, new))
        _, at, best = np.intersect1d(then.pool.rows, now.pool.rows, return_indices=True)
        shown = np.argsort(-now.order.score[best], kind="stable")[:SHOWN]
        scores.append(now.probable.score[best[shown]].astype(np.float64))
        shares.append(1 / (1 + np.exp(-log_odds(before, rung, then.probable.score[at[shown]]))))
    score, share = np.concatenate(scores), np.concatenate(shares)
    answers = np.repeat([True, False], len(score))
    model = LogisticRegression(C=1e6).fit(np.tile(score, 2)[:, None], answers, np.concatenate([share, 1 - share]))
    slope = max(float(model.coef_[0, 0]), MIN_SLOPE)
    return Calibration(slope=round(slope, 6), intercept=round(float(model.intercept_[0]), 6))
