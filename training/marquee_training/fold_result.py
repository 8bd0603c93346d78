"""A fold's outcome, in memory and on disk, so that a killed run need not repeat it."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save_file

from marquee_training.calibrate import RUNGS, Sample
from marquee_training.evaluation.judge import PER_PERSON, Beyond, Judged, PerPerson

FORMAT = "2"
"""Raise it when a result holds other things."""


@dataclass(frozen=True)
class FoldResult:
    """What one fold's held-out people say."""

    per_person: PerPerson
    beyond: Beyond
    samples: dict[str, Sample]
    epochs: int
    history: list[dict[str, float]]


def save_result(work: Path, result: FoldResult) -> None:
    """Keep a fold's outcome, so that a killed run need not repeat it."""
    arrays: dict[str, NDArray[Any]] = {f"ndcg.{name}.{k}": values for (name, k), values in result.per_person.items()}
    for row, judged in result.beyond.items():
        parts: dict[str, NDArray[Any]] = {"shown": judged.shown, "likes_shown": judged.likes_shown}
        parts |= {metric: judged.values[metric] for metric in PER_PERSON}
        arrays |= {f"beyond.{row}.{name}": part for name, part in parts.items()}
    for rung, drawn in result.samples.items():
        arrays |= {f"sample.{rung}.{name}": np.asarray(values) for name, values in asdict(drawn).items()}
    work.mkdir(parents=True, exist_ok=True)
    aside = work / "result.tmp"
    save_file(arrays, aside, {"format": FORMAT, "epochs": str(result.epochs), "history": json.dumps(result.history)})
    aside.replace(work / "result.safetensors")
    (work / "checkpoint.safetensors").unlink(missing_ok=True)


def load_result(work: Path) -> FoldResult | None:
    """The outcome that `save_result` kept, or None.

    What an older Marquee kept lacks figures, and counts as none; so does a damaged file, as a power cut leaves it.
    """
    path = work / "result.safetensors"
    if not path.is_file():
        return None
    try:
        arrays = load_file(path)
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
    except (SafetensorError, OSError):
        path.unlink()  # as with a damaged checkpoint: judging again is right
        return None
    if metadata.get("format") != FORMAT:
        return None
    per_person: PerPerson = {}
    samples: dict[str, Sample] = {}
    for name, values in arrays.items():
        if name.startswith("ndcg."):
            _, row, k = name.split(".")
            per_person[row, int(k)] = values
    for rung in RUNGS:
        samples[rung] = Sample(*(arrays[f"sample.{rung}.{part}"] for part in ("people", "scores", "liked")))
    beyond = {row: _beyond(arrays, row) for row in {row for row, _ in per_person}}
    return FoldResult(per_person, beyond, samples, int(metadata["epochs"]), json.loads(metadata["history"]))


def _beyond(arrays: dict[str, NDArray[Any]], row: str) -> Judged:
    values = {metric: arrays[f"beyond.{row}.{metric}"] for metric in PER_PERSON}
    return Judged(values, arrays[f"beyond.{row}.shown"], arrays[f"beyond.{row}.likes_shown"])
