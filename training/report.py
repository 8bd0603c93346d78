"""`marquee evaluate`: the same judgement as in training, as a report of its own."""

import time
from typing import Any

from marquee.data.dataset import Dataset
from training.config import TrainingConfig
from training.cross_validate import cross_validate, prepare
from training.evaluate import pooled, protocol_name, summarise
from training.progress import Reporter


def evaluate(dataset: Dataset, config: TrainingConfig, reporter: Reporter) -> tuple[dict[str, Any], dict[str, Any]]:
    """Fit and judge on each fold.

    Returns:
        The metrics as the manifest has them, and the same as rows: `{"dataset", "protocol", "seconds",
        "rows": [{"model", "k", "metrics": {"ndcg@10"}, "ci95": {"ndcg@10"}, "n_users"}]}`.
    """
    started = time.monotonic()
    everybody, films = prepare(dataset, config)
    results = cross_validate(config, everybody, films, reporter)
    metrics = summarise(config, pooled([result.per_person for result in results]))
    rows = [
        {
            "model": model,
            "k": int(k),
            "metrics": {"ndcg@10": value},
            "ci95": {"ndcg@10": metrics["ci95"][k][model]},
            "n_users": metrics["n_people"],
        }
        for k, row in metrics["ndcg@10"].items()
        for model, value in row.items()
    ]
    seconds = round(time.monotonic() - started, 1)
    return metrics, {
        "dataset": dataset.name,
        "protocol": protocol_name(config),
        "seconds": seconds,
        "rows": rows,
    }
