"""Calibrate `affinity_score`: of people with such seeds, the share who liked a film with this score.

Platt scaling (J. Platt 1999) on held-out people, one per rung; monotone, so it never changes an order.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marquee.models.weights import Calibration, Rung
from marquee.pipeline import Pipeline
from marquee_training.evaluation.cases import Case

RUNGS: tuple[Rung, ...] = ("two_tower", "item_cf", "popularity")
SHOWN = 50
MOST_CASES = 2000
"""Per fold and rung: two numbers are fitted, which 100,000 scores settle; more would only take minutes."""
MIN_SLOPE = 1e-3


@dataclass(frozen=True)
class Sample:
    """Blended scores of held-out people's films, (m,) each, and whether they like them."""

    people: NDArray[np.int64]
    scores: NDArray[np.float64]
    liked: NDArray[np.bool_]


def sample(pipeline: Pipeline, cases: Sequence[Case], rung: Rung) -> Sample:
    """The best SHOWN films of cases, scored from a rung of the ladder.

    Of more than MOST_CASES, as many are taken at equal distances, so that all parts of the cases have their share.
    """
    people, scores, liked = [], [], []
    for at in np.linspace(0, len(cases), min(len(cases), MOST_CASES), endpoint=False, dtype=np.int64):
        person, seeds, targets = cases[at]
        rows, blended = pipeline.score_candidates(seeds.tolist(), rung)
        best = np.argsort(-blended, kind="stable")[:SHOWN]
        people.append(np.full(len(best), person))
        scores.append(blended[best].astype(np.float64))
        liked.append(np.isin(rows[best], targets))
    return Sample(np.concatenate(people), np.concatenate(scores), np.concatenate(liked))


def concatenate(samples: Sequence[Sample]) -> Sample:
    """Samples of several folds as one."""
    return Sample(*map(np.concatenate, zip(*(vars(part).values() for part in samples), strict=True)))


def calibrate(drawn: Sample) -> Calibration:
    """Fit the curve; with only hits or only misses, a flat default."""
    if drawn.liked.all() or not drawn.liked.any():
        return Calibration(slope=MIN_SLOPE, intercept=3.0 if drawn.liked.all() else -3.0)
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - takes seconds to import

    model = LogisticRegression(C=1e6).fit(drawn.scores[:, None], drawn.liked)
    slope = max(float(model.coef_[0, 0]), MIN_SLOPE)
    return Calibration(slope=round(slope, 6), intercept=round(float(model.intercept_[0]), 6))


def reliability(drawn: Sample, bins: int = 10) -> dict[str, object]:
    """Calibration error on people that the curve was not fitted on (two halves, crossed).

    Returns:
        `ece`: expected calibration error over bins of equal size; `curve`: each bin's mean affinity, share liked, and
        number of films.
    """
    half = drawn.people % 2 == 0
    affinity = np.empty_like(drawn.scores)
    for fitted_on in (half, ~half):
        if fitted_on.all() or not fitted_on.any():
            return {"ece": None, "curve": []}
        curve = calibrate(Sample(drawn.people[fitted_on], drawn.scores[fitted_on], drawn.liked[fitted_on]))
        affinity[~fitted_on] = 1 / (1 + np.exp(-(curve.slope * drawn.scores[~fitted_on] + curve.intercept)))
    parts = [part for part in np.array_split(np.argsort(affinity, kind="stable"), bins) if len(part)]
    means = [(float(affinity[part].mean()), float(drawn.liked[part].mean()), len(part)) for part in parts]
    curve_points = [{"affinity": round(mean, 4), "liked": round(liked, 4), "n": n} for mean, liked, n in means]
    gaps = [abs(point["affinity"] - point["liked"]) * point["n"] for point in curve_points]
    return {"ece": round(sum(gaps) / len(affinity), 4), "curve": curve_points}
