"""`marquee evaluate`: every row under every protocol asked for, as JSON documents."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from marquee_training.config import TrainingConfig
from marquee_training.cross_validate import prepare
from marquee_training.data.dataset import Dataset
from marquee_training.evaluation.baselines import Settings
from marquee_training.evaluation.beyond import FilmFacts
from marquee_training.evaluation.cases import HOLDOUT_MIN_POSITIVES, SEED_COUNTS
from marquee_training.evaluation.intervals import rounded_ci95
from marquee_training.evaluation.judge import MAIN, Judged, judge, pooled, totals
from marquee_training.evaluation.protocols import rounds_of
from marquee_training.evaluation.rows import PRODUCT, classic_config, full_rows
from marquee_training.progress import Reporter

Key = tuple[str, int | None]
Fit = tuple[float, Settings]
"""Seconds, and what the search chose."""
Documents = list[dict[str, Any]]


def evaluate(
    dataset: Dataset,
    config: TrainingConfig,
    reporter: Reporter,
    *,
    protocols: Sequence[str] = ("few-seeds", "holdout"),
    seed_counts: Sequence[int] = SEED_COUNTS,
    classic: TrainingConfig | None = None,
) -> Documents:
    """Fit and judge all rows.

    Args:
        dataset: Ratings and films.
        config: The product's configuration, and how many folds, draws and people.
        reporter: Told of each stage.
        protocols: See `marquee_training.evaluation.protocols`.
        seed_counts: Numbers of seeds that are shown.
        classic: The classic design; None = training/marquee_training/configs/classic.toml.

    Returns:
        One document per protocol, in the order asked for: `{"dataset", "protocol", "rows": [{"model", "k",
        "metrics", "ci95", "lead", "fit_s", "n_users", "settings"}], "details", "seconds"}`. `fit_s` is the mean
        over the rounds; `lead` holds, for the protocol's main metrics, the paired difference to the best other row
        at the same k; the product's two rows aren't each other's rivals.

    Raises:
        ConfigError: An unknown protocol, or more seeds than people have likes to spare.
        DataError: Nobody held out can be asked.
    """
    started = time.monotonic()
    judged: dict[str, dict[Key, list[Judged]]] = {name: {} for name in protocols}
    fits: dict[str, dict[Key, list[Fit]]] = {name: {} for name in protocols}
    films = prepare(dataset, config)[1]
    for round_ in rounds_of(dataset, config, protocols, seed_counts):
        train = round_.visible.of(round_.train)
        facts = FilmFacts(films.catalog.genres, train.popularity, len(train.user_ids))
        with reporter.stage(f"{round_.name}: fit") as report:
            all_rows = full_rows(config, classic or classic_config(config), films, round_, report)
        for question, rows in zip(round_.questions, all_rows, strict=True):
            with reporter.stage(f"{round_.name}: ask {question.protocol}"):
                for row in rows:
                    for k in question.tests:
                        # Not the row itself: the models of all rounds together would fill the memory.
                        fit = (row.fit_s, row.settings_at(k))
                        fits[question.protocol].setdefault((row.name, k), []).append(fit)
                        result = judge(row, question, k, facts)
                        judged[question.protocol].setdefault((row.name, k), []).append(result)
    return [
        {
            "dataset": dataset.name,
            "protocol": name,
            "rows": report_rows(name, {key: pooled(parts) for key, parts in judged[name].items()}, fits[name]),
            "details": details(dataset, config, name, seed_counts),
            "seconds": round(time.monotonic() - started, 1),
        }
        for name in protocols
    ]


def details(dataset: Dataset, config: TrainingConfig, protocol: str, seed_counts: Sequence[int]) -> dict[str, Any]:
    """What has to be the same for two documents to be compared."""
    folds = 1 if protocol == "temporal" else config.eval_folds_run
    needed = {"holdout": HOLDOUT_MIN_POSITIVES, "cold-items": max(seed_counts) + 1}
    return {
        "data_sha256": dataset.sha256,
        "positive_rating": config.positive_rating,
        "min_positives": needed.get(protocol, config.eval_min_positives),
        "draws": 1 if protocol == "temporal" else config.eval_draws,
        "folds": f"{folds}/{folds if protocol == 'temporal' else config.eval_folds}",
        "max_people": config.eval_max_people,
        "seed": config.seed,
    }


def report_rows(protocol: str, judged: Mapping[Key, Judged], fits: Mapping[Key, Sequence[Fit]]) -> list[dict[str, Any]]:
    """The rows of a document: means, intervals, leads."""
    rows = []
    for (model, k), own in judged.items():
        values = own.values
        same = PRODUCT if model in PRODUCT else (model,)
        rivals = {name: other.values for (name, at), other in judged.items() if at == k and name not in same}
        means = {name: _mean(value) for name, value in values.items()} | totals(own)
        rows.append(
            {
                "model": model,
                "k": k,
                "metrics": {name: None if np.isnan(mean) else round(mean, 4) for name, mean in means.items()},
                "ci95": {name: rounded_ci95(value) for name, value in values.items() if not np.isnan(value).all()},
                "lead": {name: lead_over_best(name, values, rivals) for name in MAIN[protocol]},
                "fit_s": round(float(np.mean([seconds for seconds, _ in fits[model, k]])), 2),
                "n_users": len(values[MAIN[protocol][0]]),
                "settings": [settings for _, settings in fits[model, k] if settings],
            }
        )
    return rows


def lead_over_best(metric: str, own: Mapping[str, Any], rivals: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The paired difference to the best other row: the same people, the same seeds."""
    best = max(rivals, key=lambda name: _mean(rivals[name][metric]))
    difference = own[metric] - rivals[best][metric]
    return {"over": best, "mean": round(_mean(difference), 4), "ci95": rounded_ci95(difference)}


def _mean(values: Any) -> float:
    return float("nan") if np.isnan(values).all() else float(np.nanmean(values))
