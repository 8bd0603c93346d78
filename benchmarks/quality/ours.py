"""Our own rows on one round, in a process of their own: `python -m benchmarks.quality.ours JOB.json`."""

import json
import resource
import sys
from pathlib import Path

import numpy as np

from marquee_training.config import TrainingConfig
from marquee_training.data.sources import obtain
from marquee_training.evaluation.judge import Judged
from marquee_training.evaluation.protocols import Round, rounds_of
from marquee_training.evaluation.report import Results, judge_round
from marquee_training.evaluation.rows import classic_config
from marquee_training.fit import prepare
from marquee_training.progress import Reporter

OurRows = tuple[dict[str, Results], float]
"""Our rows of one round by protocol, and the memory in MiB that all of them took together."""


def write_ours(path: Path, results: dict[str, Results], peak_mib: float) -> None:
    """Save our rows of one round as JSON."""
    rows = []
    for protocol, found in results.items():
        for (model, k), ((judged, seconds, settings),) in found.items():
            row = {"protocol": protocol, "model": model, "k": k, "fit_s": seconds, "settings": settings}
            row |= {"shown": judged.shown.tolist(), "likes_shown": judged.likes_shown.tolist()}
            rows.append(row | {"values": {name: values.tolist() for name, values in judged.values.items()}})
    path.write_text(json.dumps({"rows": rows, "peak_mib": peak_mib}), "utf-8")


def read_ours(path: Path) -> OurRows:
    """Read what `write_ours` saved."""
    facts = json.loads(path.read_text("utf-8"))
    results: dict[str, Results] = {}
    for row in facts["rows"]:
        values = {name: np.array(value, dtype=np.float64) for name, value in row["values"].items()}
        judged = Judged(values, np.array(row["shown"]), np.array(row["likes_shown"], dtype=np.int32))
        result = (judged, row["fit_s"], row["settings"])
        results.setdefault(row["protocol"], {})[row["model"], row["k"]] = [result]
    return results, facts["peak_mib"]


def which(round_: Round) -> str:
    """Name of a round, "fold 2" or "tastes", however many folds are run."""
    return round_.name.split("/")[0]


def main() -> None:
    """Fit and judge our rows on one round, as `marquee evaluate` does."""
    job = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    dataset = obtain(Path(job["data"]) if job["data"] else None, name=job["name"])
    config = TrainingConfig.model_validate(job["config"])
    rounds = rounds_of(dataset, config, job["protocols"], job["seeds"])
    round_ = next(each for each in rounds if which(each) == job["round"])
    results: dict[str, Results] = {protocol: {} for protocol in job["protocols"]}
    judge_round(config, classic_config(config), prepare(dataset, config)[1], round_, Reporter(quiet=True), results)
    write_ours(Path(job["answer"]), results, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)  # in KiB


if __name__ == "__main__":
    main()
