"""Our own rows on one round, in a process of their own: `python -m benchmarks.quality.ours JOB.json`."""

import json
import resource
import sys
from pathlib import Path
from typing import Any

from benchmarks.quality.exchange import write_ours
from marquee_training.config import TrainingConfig
from marquee_training.cross_validate import prepare
from marquee_training.data.dataset import Dataset
from marquee_training.data.sources import obtain
from marquee_training.evaluation.protocols import rounds_of
from marquee_training.evaluation.report import Results, judge_round
from marquee_training.evaluation.rows import classic_config
from marquee_training.progress import Reporter


def judged_rows(dataset: Dataset, config: TrainingConfig, job: dict[str, Any]) -> dict[str, Results]:
    """Fit and judge our rows on one round, as `marquee evaluate` does."""
    rounds = rounds_of(dataset, config, job["protocols"], job["seeds"])
    round_ = next(found for number, found in enumerate(rounds) if number == job["number"])
    results: dict[str, Results] = {protocol: {} for protocol in job["protocols"]}
    films = prepare(dataset, config)[1]
    judge_round(config, classic_config(config), films, round_, Reporter(quiet=True), results)
    return results


if __name__ == "__main__":
    job = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    data = obtain(Path(job["data"]) if job["data"] else None, name=job["name"])
    results = judged_rows(data, TrainingConfig.model_validate(job["config"]), job)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # Linux counts KiB
    write_ours(Path(job["answer"]), results, peak)
