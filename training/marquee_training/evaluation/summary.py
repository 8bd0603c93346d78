"""What a training run says of its bundle: NDCG@10 of a short list of rows and more, as the manifest has it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marquee_training.config import TrainingConfig
from marquee_training.evaluation.beyond import FilmFacts
from marquee_training.evaluation.cases import MAIN_K, SEED_COUNTS, Cases
from marquee_training.evaluation.intervals import rounded_ci95
from marquee_training.evaluation.judge import Judged, beyond_accuracy, judged, pooled, totals
from marquee_training.evaluation.metrics import mean_ndcg, ndcg
from marquee_training.evaluation.ranking import Recommend, hits_of
from marquee_training.evaluation.rounds import few_seeds
from marquee_training.evaluation.rows import SHORT
from marquee_training.interactions import Interactions

PerPerson = dict[tuple[str, int], NDArray[np.float64]]
"""(row, k) -> each held-out person's mean NDCG@10, people in the same order in every entry."""
Beyond = dict[str, Judged]
"""Row -> what the same people's lists say beyond NDCG, at MAIN_K seeds."""

PER_PERSON = ("stratified_recall@20", "niche_ndcg@10", "ild@10", "genre_divergence@10", "head_share@10")
"""The metrics of `Beyond` that are a mean over people, in the order of the manifest."""


def protocol_name(config: TrainingConfig) -> str:
    """Names the question asked: only figures under the same name may be compared."""
    return (
        f"few-seeds/1 positive>={config.positive_rating:g} min_positives={config.eval_min_positives} "
        f"draws={config.eval_draws} folds={config.eval_folds_run}/{config.eval_folds} seed={config.seed}"
    )


def judge_briefly(
    config: TrainingConfig,
    everybody: Interactions,
    people: NDArray[np.int64],
    rows: Mapping[str, Recommend],
    facts: FilmFacts,
) -> tuple[PerPerson, Beyond]:
    """Ask every row about every held-out person with enough likes, at every number of seeds.

    Beyond NDCG they are asked at MAIN_K seeds alone: it takes a list of 20, and so one more request per list.
    """
    per_person: PerPerson = {}
    beyond: Beyond = {}
    for k in SEED_COUNTS:
        cases = few_seeds(config, everybody, people, k, config.eval_draws, 2)
        for name, recommend in rows.items():
            if k == MAIN_K:
                per_person[name, k], beyond[name] = _in_full(recommend, cases, facts)
            else:
                per_person[name, k] = mean_ndcg(recommend, cases)
    return per_person, beyond


def _in_full(recommend: Recommend, cases: Cases, facts: FilmFacts) -> tuple[NDArray[np.float64], Judged]:
    ten, twenty = recommend(cases.seeds, (10, 20))
    own = cases.per_person(ndcg(hits_of(ten, cases.targets), cases.n_targets))
    return own, judged(cases, beyond_accuracy(cases, ten, twenty, facts), ten, facts)


def pooled_people(folds: Sequence[PerPerson]) -> PerPerson:
    """The people of all folds together."""
    return {key: np.concatenate([fold[key] for fold in folds]) for key in folds[0]}


def pooled_beyond(folds: Sequence[Beyond]) -> Beyond:
    """The people of all folds together."""
    return {name: pooled([fold[name] for fold in folds]) for name in folds[0]}


def summarise(config: TrainingConfig, per_person: PerPerson) -> dict[str, Any]:
    """Means and 95 % intervals over people, and the pipeline's lead over each row, paired, at each k.

    Returns:
        JSON values: `protocol`, `n_people`, `ndcg@10`[k][row], `ci95`[k][row], `pipeline_lead`[k][row].
    """
    metrics: dict[str, Any] = {"protocol": protocol_name(config), "ndcg@10": {}, "ci95": {}, "pipeline_lead": {}}
    # In the order of SHORT and k, wherever the values come from: equal results must be equal bytes.
    for name, k in sorted(per_person, key=lambda row: (row[1], SHORT.index(row[0]))):
        values, key = per_person[name, k], str(k)
        metrics["n_people"] = len(values)
        metrics["ndcg@10"].setdefault(key, {})[name] = round(float(values.mean()), 4)
        metrics["ci95"].setdefault(key, {})[name] = rounded_ci95(values)
        if name != "pipeline":
            lead = per_person["pipeline", k] - values
            metrics["pipeline_lead"].setdefault(key, {})[name] = {
                "mean": round(float(lead.mean()), 4),
                "ci95": rounded_ci95(lead),
            }
    return metrics


def summarise_beyond(beyond: Beyond) -> dict[str, Any]:
    """What lies beyond NDCG, at MAIN_K seeds; coverage and median popularity belong to no person: no interval.

    Returns:
        JSON values: `beyond`[k][row][metric], null where nobody has a value (such as genres that no film has);
        `beyond_ci95`[k][row][metric]; `n_niche_people`, who are behind `niche_ndcg@10`.
    """
    means: dict[str, dict[str, float | None]] = {}
    bounds: dict[str, dict[str, list[float]]] = {}
    for name in sorted(beyond, key=SHORT.index):
        values = {metric: beyond[name].values[metric] for metric in PER_PERSON}
        known = {metric: value for metric, value in values.items() if not np.isnan(value).all()}
        means[name] = {metric: round(total, 4) for metric, total in totals(beyond[name]).items()}
        means[name] |= {m: round(float(np.nanmean(known[m])), 4) if m in known else None for m in PER_PERSON}
        bounds[name] = {metric: rounded_ci95(value) for metric, value in known.items()}
    anybody = next(iter(beyond.values())).values["niche_ndcg@10"]
    key = str(MAIN_K)
    return {
        "beyond": {key: means},
        "beyond_ci95": {key: bounds},
        "n_niche_people": int((~np.isnan(anybody)).sum()),
    }
