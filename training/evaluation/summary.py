"""What a training run says of its bundle: NDCG@10 of a short list of rows, as the manifest has it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.config import TrainingConfig
from training.evaluation.accuracy import mean_ndcg
from training.evaluation.cases import SEED_COUNTS
from training.evaluation.intervals import rounded_ci95
from training.evaluation.ranking import Recommend
from training.evaluation.rounds import few_seeds
from training.evaluation.rows import SHORT
from training.interactions import Interactions

PerPerson = dict[tuple[str, int], NDArray[np.float64]]
"""(row, k) -> each held-out person's mean NDCG@10, people in the same order in every entry."""


def protocol_name(config: TrainingConfig) -> str:
    """Names the question asked: only figures under the same name may be compared."""
    return (
        f"few-seeds/1 positive>={config.positive_rating:g} min_positives={config.eval_min_positives} "
        f"draws={config.eval_draws} folds={config.eval_folds_run}/{config.eval_folds} seed={config.seed}"
    )


def judge_briefly(
    config: TrainingConfig, everybody: Interactions, people: NDArray[np.int64], rows: Mapping[str, Recommend]
) -> PerPerson:
    """Ask every row about every held-out person with enough likes, at every number of seeds."""
    result: PerPerson = {}
    for k in SEED_COUNTS:
        cases = few_seeds(config, everybody, people, k, config.eval_draws, 2)
        for name, recommend in rows.items():
            result[name, k] = mean_ndcg(recommend, cases)
    return result


def pooled_people(folds: Sequence[PerPerson]) -> PerPerson:
    """The people of all folds together."""
    return {key: np.concatenate([fold[key] for fold in folds]) for key in folds[0]}


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
