"""Judge models by people they have never seen, beside what one would reach for instead."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marquee.bundle.bundle import Contents
from marquee.contracts import RecommendationRequest
from marquee.pipeline import Pipeline
from training.config import TrainingConfig
from training.fit_item_cf import centered, fit_edlae, fit_svd
from training.interactions import Interactions
from training.protocol import SEED_COUNTS, Recommend, bootstrap_ci95, by_scores, few_seed_cases, mean_ndcg

# EDLAE as an opponent is tuned for itself, on ml-latest-small at 5 seeds (docs/quality.md), and keeps every weight.
EDLAE_L2, EDLAE_DROPOUT = 200.0, 0.98
CLASSIC_SVD_FACTORS = 128

ROWS = ("popularity", "svd_centered", "edlae", "two_tower", "pipeline")
PerPerson = dict[tuple[str, int], NDArray[np.float64]]
"""(row, k) -> each held-out person's mean NDCG@10, people in the same order in every entry."""


def protocol_name(config: TrainingConfig) -> str:
    """Names the question asked: only figures under the same name may be compared."""
    return (
        f"few-seeds/1 positive>={config.positive_rating:g} min_positives={config.eval_min_positives} "
        f"draws={config.eval_draws} folds={config.eval_folds_run}/{config.eval_folds} seed={config.seed}"
    )


def recommenders(config: TrainingConfig, train: Interactions, contents: Contents) -> dict[str, Recommend]:
    """The rows of the table: simple baselines fitted on the same people, and the parts of the product."""
    popularity = np.log1p(train.popularity).astype(np.float32)
    svd = fit_svd(centered(train.ratings), n_factors=CLASSIC_SVD_FACTORS, seed=config.seed, unit=True)
    edlae = fit_edlae(
        train,
        l2=EDLAE_L2,
        dropout=EDLAE_DROPOUT,
        n_neighbors=train.n_movies,
        min_positives=config.item_cf_min_positives,
        max_movies=config.item_cf_max_movies,
    )
    return {
        "popularity": by_scores(lambda _seeds: popularity.copy()),
        "svd_centered": by_scores(svd.scores),
        "edlae": by_scores(edlae.scores),
        "two_tower": by_scores(contents.two_tower.scores),
        "pipeline": by_pipeline(Pipeline(contents)),
    }


def by_pipeline(pipeline: Pipeline) -> Recommend:
    """The product itself, asked as a caller would ask it, with its default dials."""
    movie_ids = pipeline.catalog.movie_ids

    def recommend(seeds: Sequence[int], n: int) -> Sequence[int]:
        request = RecommendationRequest(movie_ids=[int(movie_ids[row]) for row in seeds], top_n=n)
        answer = pipeline.recommend(request).recommendations
        return [int(row) for row in np.searchsorted(movie_ids, [film.movie_id for film in answer])]

    return recommend


def judge(
    config: TrainingConfig, everybody: Interactions, people: NDArray[np.int64], rows: Mapping[str, Recommend]
) -> PerPerson:
    """Ask every row about every held-out person with enough likes, at every number of seeds."""
    result: PerPerson = {}
    for k in SEED_COUNTS:
        cases = few_seed_cases(
            everybody,
            people,
            k,
            min_positives=config.eval_min_positives,
            draws=config.eval_draws,
            seed=config.seed + 2,
            max_people=config.eval_max_people,
        )
        for name, recommend in rows.items():
            result[name, k] = mean_ndcg(recommend, cases)
    return result


def pooled(folds: Sequence[PerPerson]) -> PerPerson:
    """The people of all folds together."""
    return {key: np.concatenate([fold[key] for fold in folds]) for key in folds[0]}


def summarise(config: TrainingConfig, per_person: PerPerson) -> dict[str, Any]:
    """Means and 95 % intervals over people, and the pipeline's lead over each row, paired, at each k.

    Returns:
        JSON values: `protocol`, `n_people`, `ndcg@10`[k][row], `ci95`[k][row], `pipeline_lead`[k][row].
    """
    metrics: dict[str, Any] = {"protocol": protocol_name(config), "ndcg@10": {}, "ci95": {}, "pipeline_lead": {}}
    # In the order of ROWS and k, wherever the values come from: equal results must be equal bytes.
    for name, k in sorted(per_person, key=lambda row: (row[1], ROWS.index(row[0]))):
        values, key = per_person[name, k], str(k)
        metrics["n_people"] = len(values)
        metrics["ndcg@10"].setdefault(key, {})[name] = round(float(values.mean()), 4)
        metrics["ci95"].setdefault(key, {})[name] = _interval(values)
        if name != "pipeline":
            lead = per_person["pipeline", k] - values
            metrics["pipeline_lead"].setdefault(key, {})[name] = {
                "mean": round(float(lead.mean()), 4),
                "ci95": _interval(lead),
            }
    return metrics


def _interval(values: NDArray[np.float64]) -> list[float]:
    return [round(bound, 4) for bound in bootstrap_ci95(values)]
