"""Our own rows on one round, in a process of their own, judged; kept until our code or the configuration changes."""

import hashlib
import json
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality.environments import ROOT, one_thread
from marquee.errors import MarqueeError
from marquee_training.config import TrainingConfig
from marquee_training.cross_validate import prepare
from marquee_training.data.dataset import Dataset
from marquee_training.data.sources import obtain
from marquee_training.evaluation.judge import Judged
from marquee_training.evaluation.protocols import rounds_of
from marquee_training.evaluation.report import Results, judge_round
from marquee_training.evaluation.rows import classic_config
from marquee_training.progress import Reporter

SOURCES = ("src/marquee", "training")


class OursFailed(MarqueeError):  # noqa: N818 - reads like OpponentFailed
    """The process of our own rows ended with an error."""


@dataclass(frozen=True)
class Ours:
    """Our rows' results in one round, by protocol; and the most memory that all of them together took."""

    results: dict[str, Results]
    peak_mib: float


def ours(place: Path, job: dict[str, Any]) -> Ours:
    """Our rows of one round.

    Args:
        place: The round's folder, where they are kept.
        job: `data`, `name`, `config` (its JSON), `protocols`, `seeds`, `number` of the round from 0.

    Raises:
        OursFailed: With the end of what the process said.
    """
    answer = place / "ours"
    stamp, wanted = answer.with_suffix(".stamp"), code_hash(json.dumps(job, sort_keys=True))
    if not (stamp.exists() and stamp.read_text("utf-8") == wanted):
        stamp.unlink(missing_ok=True)
        job_file = answer.with_suffix(".job")
        job_file.write_text(json.dumps(job | {"answer": str(answer)}), "utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.quality.ours", str(job_file)],
            env=one_thread(),
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise OursFailed(
                f"our own rows ended with {done.returncode}:\n{done.stderr[-2000:].strip()}",
                fix=f"run them alone: python -m benchmarks.quality.ours {job_file}",
            )
        stamp.write_text(wanted, "utf-8")
    return read(answer)


def code_hash(told: str, root: Path = ROOT) -> str:
    """Of the code of ours that the rows depend on, and of what they are asked."""
    digest = hashlib.sha256(told.encode())
    files = [path for folder in SOURCES for path in (root / folder).rglob("*") if path.suffix in {".py", ".toml"}]
    for path in sorted(files):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def write(answer: Path, found: Ours) -> None:
    """Keep the values: one array per row, number of seeds and metric."""
    arrays, index = {}, []
    for protocol, rows in found.results.items():
        for (model, k), ((judged, seconds, settings),) in rows.items():
            prefix = str(len(index))
            index.append({"protocol": protocol, "model": model, "k": k, "fit_s": seconds, "settings": settings})
            arrays[f"{prefix}.shown"] = judged.shown
            arrays[f"{prefix}.likes_shown"] = judged.likes_shown
            arrays |= {f"{prefix}.value.{name}": values for name, values in judged.values.items()}
    np.savez_compressed(answer.with_suffix(".npz"), **arrays)
    answer.with_suffix(".json").write_text(json.dumps({"rows": index, "peak_mib": found.peak_mib}), "utf-8")


def read(answer: Path) -> Ours:
    """What `write` kept."""
    told = json.loads(answer.with_suffix(".json").read_text("utf-8"))
    results: dict[str, Results] = {}
    with np.load(answer.with_suffix(".npz"), allow_pickle=False) as arrays:
        for number, row in enumerate(told["rows"]):
            start = f"{number}.value."
            values = {name.removeprefix(start): arrays[name] for name in arrays.files if name.startswith(start)}
            judged = Judged(values, arrays[f"{number}.shown"], arrays[f"{number}.likes_shown"])
            key = (row["model"], row["k"])
            results.setdefault(row["protocol"], {})[key] = [(judged, row["fit_s"], row["settings"])]
    return Ours(results, told["peak_mib"])


def judged_rows(dataset: Dataset, config: TrainingConfig, job: dict[str, Any]) -> Ours:
    """Fit and judge our rows on one round, as `marquee evaluate` does."""
    rounds = rounds_of(dataset, config, job["protocols"], job["seeds"])
    round_ = next(found for number, found in enumerate(rounds) if number == job["number"])
    results: dict[str, Results] = {protocol: {} for protocol in job["protocols"]}
    films = prepare(dataset, config)[1]
    judge_round(config, classic_config(config), films, round_, Reporter(quiet=True), results)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # Linux counts KiB
    return Ours(results, peak)


if __name__ == "__main__":
    told = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    data = obtain(Path(told["data"]) if told["data"] else None, name=told["name"])
    write(Path(told["answer"]), judged_rows(data, TrainingConfig.model_validate(told["config"]), told))
