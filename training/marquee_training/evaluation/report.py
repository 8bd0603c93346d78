"""`marquee evaluate`: every row under every protocol, as JSON documents."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from marquee_training.config import TrainingConfig
from marquee_training.data.dataset import Dataset
from marquee_training.evaluation import cases
from marquee_training.evaluation.baselines import Settings
from marquee_training.evaluation.cases import HOLDOUT_MIN_POSITIVES, SEED_COUNTS
from marquee_training.evaluation.judge import MAIN, Judged, judge, pooled, totals
from marquee_training.evaluation.metrics import known_mean, rounded_ci95, rounded_mean
from marquee_training.evaluation.panel import choose_panel
from marquee_training.evaluation.protocols import Round, rounds_of
from marquee_training.evaluation.rows import PRODUCT, classic_config, full_rows
from marquee_training.fit import Films, prepare
from marquee_training.progress import Reporter

Result = tuple[Judged, float, Settings]
"""One round of a row: its metrics, the seconds that fitting took, and the settings that the search chose."""
Results = dict[tuple[str, int | None], list[Result]]
"""(row, number of seeds) -> a result per round."""
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
    """Fit and judge all rows; the classic design as configs/classic.toml says, if no other configuration is given.

    Returns:
        One document per protocol, in the given order: `{"dataset", "protocol", "rows": [{"model", "k", "metrics",
        "ci95", "lead", "fit_s", "n_users", "settings"}], "details", "seconds"}`. `fit_s` is the mean over the rounds;
        `lead` holds, for the protocol's main metrics, the paired difference to the best other row at the same k; the
        product's two rows aren't compared with each other.

    Raises:
        ConfigError: An unknown protocol, or as many seeds as the test people have likes.
        DataError: No held-out person can be tested.
    """
    started = time.monotonic()
    results: dict[str, Results] = {name: {} for name in protocols}
    everybody, films = prepare(dataset, config)
    panel = choose_panel(config, everybody)
    if {"few-seeds", "holdout", "cold-items"} & set(protocols):
        panel.require()
    config = panel.config
    if panel.not_judged:
        reporter.say(f"WARNING: not judged: {panel.not_judged}")
        lost = set(SEED_COUNTS) - set(possible := cases.seed_counts(config.eval_min_positives))
        seed_counts = [k for k in seed_counts if k not in lost] or possible
    for round_ in rounds_of(dataset, config, protocols, seed_counts):
        judge_round(config, classic or classic_config(config), films, round_, reporter, results)
    return [
        {
            "dataset": dataset.name,
            "protocol": name,
            "rows": report_rows(name, results[name]),
            "details": details(dataset, config, name, seed_counts),
            "seconds": round(time.monotonic() - started, 1),
        }
        for name in protocols
    ]


def judge_round(
    config: TrainingConfig,
    classic: TrainingConfig,
    films: Films,
    round_: Round,
    reporter: Reporter,
    results: Mapping[str, Results],
) -> None:
    """Fit all rows on a round, judge them, and add that to the results of each protocol."""
    with reporter.stage(f"{round_.name}: fit") as report:
        all_rows = full_rows(config, classic, films, round_, report)
    train, genres = round_.fitted_on, films.catalog.genres
    for question, rows in zip(round_.questions, all_rows, strict=True):
        with reporter.stage(f"{round_.name}: ask {question.protocol}"):
            for row in rows:
                for k in question.tests:
                    # Not the row itself: the models of all rounds together would fill the memory.
                    result = (judge(row.recommend, question, k, train, genres), row.fit_s, row.settings_at(k))
                    results[question.protocol].setdefault((row.name, k), []).append(result)


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


def report_rows(protocol: str, results: Results) -> list[dict[str, Any]]:
    """The rows of a document: means, intervals, leads."""
    people = pooled_results(results)
    rows = []
    for (model, k), own in people.items():
        values = own.values
        same = PRODUCT if model in PRODUCT else (model,)
        rivals = {name: other.values for (name, at), other in people.items() if at == k and name not in same}
        means = {name: known_mean(value) for name, value in values.items()} | totals(own)
        _, seconds, settings = zip(*results[model, k], strict=True)
        rows.append(
            {
                "model": model,
                "k": k,
                "metrics": {name: None if np.isnan(mean) else round(mean, 4) for name, mean in means.items()},
                "ci95": {name: rounded_ci95(value) for name, value in values.items() if not np.isnan(value).all()},
                "lead": {name: lead_over_best(name, values, rivals) for name in MAIN[protocol]},
                "fit_s": round(float(np.mean(seconds)), 2),
                "n_users": len(values[MAIN[protocol][0]]),
                "settings": [chosen for chosen in settings if chosen],
            }
        )
    return rows


def pooled_results(results: Results) -> dict[tuple[str, int | None], Judged]:
    """Each row's metrics on the people of all rounds."""
    return {key: pooled([judged for judged, _, _ in rounds]) for key, rounds in results.items()}


def lead_over_best(metric: str, own: Mapping[str, Any], rivals: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The paired difference to the best other row: the same people, the same seeds."""
    best = max(rivals, key=lambda name: known_mean(rivals[name][metric]))
    return {"over": best, **rounded_mean(own[metric] - rivals[best][metric])}
