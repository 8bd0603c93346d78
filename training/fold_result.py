"""A fold's outcome, in memory and on disk, so that a killed run need not repeat it."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from training.calibrate import RUNGS, Sample
from training.evaluation.summary import PerPerson


@dataclass(frozen=True)
class FoldResult:
    """What one fold's held-out people say."""

    per_person: PerPerson
    samples: dict[str, Sample]
    epochs: int
    history: list[dict[str, float]]


def save_result(work: Path, result: FoldResult) -> None:
    """Keep a fold's outcome, so that a killed run need not repeat it."""
    arrays = {f"ndcg.{name}.{k}": values for (name, k), values in result.per_person.items()}
    for rung, drawn in result.samples.items():
        arrays |= {f"sample.{rung}.{name}": np.asarray(values) for name, values in asdict(drawn).items()}
    work.mkdir(parents=True, exist_ok=True)
    aside = work / "result.tmp"
    save_file(arrays, aside, {"epochs": str(result.epochs), "history": json.dumps(result.history)})
    aside.replace(work / "result.safetensors")
    (work / "checkpoint.safetensors").unlink(missing_ok=True)


def load_result(work: Path) -> FoldResult | None:
    """The outcome that `save_result` kept, or None."""
    path = work / "result.safetensors"
    if not path.is_file():
        return None
    arrays = load_file(path)
    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata()
    per_person: PerPerson = {}
    samples: dict[str, Sample] = {}
    for name, values in arrays.items():
        if name.startswith("ndcg."):
            _, row, k = name.split(".")
            per_person[row, int(k)] = values
    for rung in RUNGS:
        samples[rung] = Sample(*(arrays[f"sample.{rung}.{part}"] for part in ("people", "scores", "liked")))
    return FoldResult(per_person, samples, int(metadata["epochs"]), json.loads(metadata["history"]))
