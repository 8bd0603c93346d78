"""Calibrate `affinity_score`: of people with such seeds, the share who liked a film with this score.

Platt scaling (J. Platt 1999) on held-out people, one per rung; monotone, so it never changes an order.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marquee.models.catalog import Catalog
from marquee.models.weights import NOVELTY, Calibration, Rung
from marquee.pipeline import Pipeline
from marquee.retrieval.port import ANYWHERE, Where
from marquee_training.evaluation.cases import Case

RUNGS: tuple[Rung, ...] = ("two_tower", "item_cf", "popularity")
SHOWN = 50
MOST_CASES = 2000
"""Per fold and rung: two numbers are fitted, which 100,000 scores settle; more would only take minutes."""
MIN_SLOPE = 1e-3
LEAST_ASKED = 300
"""Films behind a filter's calibration error."""


@dataclass(frozen=True)
class Sample:
    """Probable scores of films for held-out people, (m,) each, and whether they like them.

    `filters` has the position of the request's filter among `filters_of`, which are -1 for a request without.
    """

    people: NDArray[np.int64]
    scores: NDArray[np.float64]
    liked: NDArray[np.bool_]
    filters: NDArray[np.int64]


def filters_of(catalog: Catalog) -> dict[str, Where]:
    """Filters by name that are calibrated for: each genre, each decade."""
    known = catalog.years[catalog.years > 0].astype(int)
    decades = range(known.min() // 10 * 10, known.max() + 1, 10) if len(known) else range(0)
    return {name: Where(genres_any=(name,)) for name in catalog.genre_names} | {
        f"{start}s": Where(year_min=start, year_max=start + 9) for start in decades
    }


def sample(pipeline: Pipeline, cases: Sequence[Case], rung: Rung) -> Sample:
    """The films that cases are most likely to be shown, scored from a rung of the ladder.

    Each case asks once without and once with a filter, since `affinity_score` must mean the same in both, and the best
    SHOWN by probability and by the default order are taken, since the list is made of the one and is judged by the
    other. Of more than MOST_CASES, as many are taken at equal distances, so that all parts of them have their share.
    """
    filters = list(filters_of(pipeline.catalog).values())
    parts = []
    for at in np.linspace(0, len(cases), min(len(cases), MOST_CASES), endpoint=False, dtype=np.int64):
        person, seeds, targets = cases[at]
        chosen = int(np.random.default_rng((int(at), person)).integers(len(filters))) if filters else -1
        for number in {-1, chosen}:
            where = filters[number] if number >= 0 else ANYWHERE
            ranking = pipeline.score_candidates(seeds.tolist(), rung, novelty=NOVELTY, where=where)
            orders = (np.argsort(-blend.score, kind="stable") for blend in (ranking.probable, ranking.order))
            best = np.unique(np.concatenate([order[:SHOWN] for order in orders]))
            liked = np.isin(ranking.pool.rows[best], targets)
            scores = ranking.probable.score[best].astype(np.float64)
            parts.append(Sample(np.full(len(best), person), scores, liked, np.full(len(best), number)))
    return concatenate(parts)


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


def reliability(drawn: Sample, names: Sequence[str] = (), bins: int = 10) -> dict[str, object]:
    """Calibration error on people that the curve was not fitted on (two halves, crossed).

    Returns:
        `ece`: expected calibration error over bins of equal size, of requests without a filter; `curve`: each bin's
        mean affinity, share liked, and number of films; `by_filter`: by its name, the same error of requests with it.
    """
    half = drawn.people % 2 == 0
    affinity = np.empty_like(drawn.scores)
    for fitted_on in (half, ~half):
        if fitted_on.all() or not fitted_on.any():
            return {"ece": None, "curve": [], "by_filter": {}}
        curve = calibrate(Sample(*(values[fitted_on] for values in vars(drawn).values())))
        affinity[~fitted_on] = 1 / (1 + np.exp(-(curve.slope * drawn.scores[~fitted_on] + curve.intercept)))

    def of(chosen: NDArray[np.bool_]) -> tuple[float, list[dict[str, float]]]:
        own, liked = affinity[chosen], drawn.liked[chosen]
        parts = [part for part in np.array_split(np.argsort(own, kind="stable"), bins) if len(part)]
        means = [(float(own[part].mean()), float(liked[part].mean()), len(part)) for part in parts]
        gap = sum(abs(mean - share) * n for mean, share, n in means) / len(own)
        points = [{"affinity": round(mean, 4), "liked": round(share, 4), "n": n} for mean, share, n in means]
        return round(gap, 4), points

    ece, points = of(drawn.filters < 0)
    asked = {name: drawn.filters == number for number, name in enumerate(names)}
    by_filter = {name: of(chosen)[0] for name, chosen in asked.items() if chosen.sum() >= LEAST_ASKED}
    return {"ece": ece, "curve": points, "by_filter": by_filter}
