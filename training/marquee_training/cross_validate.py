"""Cross-validation: fit on some people, evaluate on the others. Finished folds are kept on disk."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from marquee.pipeline import Pipeline
from marquee_training import distributed
from marquee_training.calibrate import RUNGS, Sample, sample
from marquee_training.config import TrainingConfig
from marquee_training.evaluation.cases import main_k, seed_counts
from marquee_training.evaluation.judge import PER_PERSON, Beyond, Judged, PerPerson, judge_briefly
from marquee_training.evaluation.panel import Panel
from marquee_training.evaluation.protocols import few_seeds, validation_ndcg
from marquee_training.evaluation.rows import short_rows
from marquee_training.files import load_whole, save_whole
from marquee_training.fit import Films, fit
from marquee_training.interactions import Fold, Interactions
from marquee_training.progress import EpochReport, Reporter

FORMAT = "3"
"""Raise it when a result holds other things."""


@dataclass(frozen=True)
class FoldResult:
    """The evaluation on one fold's held-out people."""

    per_person: PerPerson
    beyond: Beyond
    samples: dict[str, Sample]
    epochs: int
    history: list[dict[str, float]]


def cross_validate(
    panel: Panel, everybody: Interactions, films: Films, reporter: Reporter, work: Path | None = None
) -> list[FoldResult]:
    """Run the folds. With a work folder, finished folds are saved there and not run again."""
    results = []
    for number, fold in enumerate(panel.folds, start=1):
        place = work / f"fold-{number}" if work else None
        result = distributed.broadcast(load_result(place) if place else None)
        if result is None:
            with reporter.stage(f"fold {number}/{len(panel.folds)}") as report:
                result = run_fold(panel.config, everybody, films, fold, place, report)
        results.append(result)
    return results


def run_fold(
    config: TrainingConfig, everybody: Interactions, films: Films, fold: Fold, work: Path | None, report: EpochReport
) -> FoldResult:
    """Fit on a fold's people, and evaluate on its held-out people."""
    validate = validation_ndcg(config, everybody, fold.validation)
    checkpoint = work / "checkpoint.safetensors" if work else None
    bundle, epochs, history = fit(
        config, everybody, films, people=fold.train, validate=validate, checkpoint=checkpoint, report=report
    )
    train = everybody.select(fold.train)
    rows = short_rows(config, train, bundle)
    per_person, beyond = judge_briefly(config, everybody, fold.test, rows, train, films.catalog.genres)
    main = main_k(config.eval_min_positives)
    report(epochs, epochs, {"test_ndcg@10": float(per_person["pipeline", main].mean())})
    pipeline = Pipeline(bundle)
    cases = [
        case
        for k in seed_counts(config.eval_min_positives)
        for case in few_seeds(config, everybody, fold.test, k, 1, 3)
    ]
    samples: dict[str, Sample] = {rung: sample(pipeline, cases, rung) for rung in RUNGS}
    result = FoldResult(per_person, beyond, samples, epochs, history)
    if work and distributed.is_leader():
        save_result(work, result)
    return result


def save_result(work: Path, result: FoldResult) -> None:
    """Keep a fold's outcome, so that a killed run need not repeat it."""
    arrays: dict[str, NDArray[Any]] = {f"ndcg.{name}.{k}": values for (name, k), values in result.per_person.items()}
    for row, judged in result.beyond.items():
        arrays |= {f"beyond.{row}.shown": judged.shown, f"beyond.{row}.likes_shown": judged.likes_shown}
        arrays |= {f"beyond.{row}.{metric}": judged.values[metric] for metric in PER_PERSON}
    for rung, drawn in result.samples.items():
        arrays |= {f"sample.{rung}.{name}": values for name, values in vars(drawn).items()}
    metadata = {"format": FORMAT, "epochs": str(result.epochs), "history": json.dumps(result.history)}
    save_whole(work / "result.safetensors", arrays, metadata)
    (work / "checkpoint.safetensors").unlink(missing_ok=True)


def load_result(work: Path) -> FoldResult | None:
    """The result that `save_result` wrote; None without a sound file, or for one of an older version."""
    loaded = load_whole(work / "result.safetensors")
    if loaded is None or loaded[1].get("format") != FORMAT:
        return None
    arrays, metadata = loaded
    per_person: PerPerson = {}
    beyond: Beyond = {}
    for name, values in arrays.items():
        if name.startswith("ndcg."):
            _, row, k = name.split(".")
            per_person[row, int(k)] = values
            per_metric = {metric: arrays[f"beyond.{row}.{metric}"] for metric in PER_PERSON}
            beyond[row] = Judged(per_metric, arrays[f"beyond.{row}.shown"], arrays[f"beyond.{row}.likes_shown"])
    samples: dict[str, Sample] = {
        rung: Sample(*(arrays[f"sample.{rung}.{part}"] for part in ("people", "scores", "liked", "filters")))
        for rung in RUNGS
    }
    return FoldResult(per_person, beyond, samples, int(metadata["epochs"]), json.loads(metadata["history"]))
