"""Cross-validation: fit on some people, evaluate on the others. Finished folds are kept on disk."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save_file

from marquee.errors import DataError
from marquee.pipeline import Pipeline
from marquee_training import distributed
from marquee_training.calibrate import RUNGS, Sample, sample
from marquee_training.config import TrainingConfig
from marquee_training.data.dataset import Dataset
from marquee_training.data.features import content_matrix, to_catalog
from marquee_training.evaluation.cases import MAIN_K, SEED_COUNTS
from marquee_training.evaluation.judge import PER_PERSON, Beyond, Judged, PerPerson, judge_briefly
from marquee_training.evaluation.protocols import few_seeds
from marquee_training.evaluation.rows import short_rows
from marquee_training.fit import Films, fit
from marquee_training.interactions import Fold, Interactions, build_interactions, split_people
from marquee_training.progress import EpochReport, Reporter

FORMAT = "2"
"""Raise it when a result holds other things."""


@dataclass(frozen=True)
class FoldResult:
    """The evaluation on one fold's held-out people."""

    per_person: PerPerson
    beyond: Beyond
    samples: dict[str, Sample]
    epochs: int
    history: list[dict[str, float]]


def prepare(dataset: Dataset, config: TrainingConfig) -> tuple[Interactions, Films]:
    """A data set as matrices."""
    everybody = build_interactions(dataset, config.positive_rating)
    catalog = to_catalog(dataset, everybody.popularity)
    return everybody, Films(catalog, content_matrix(dataset, catalog)[0])


def cross_validate(
    config: TrainingConfig, everybody: Interactions, films: Films, reporter: Reporter, work: Path | None = None
) -> list[FoldResult]:
    """Run the folds. With a work folder, finished folds are saved there and not run again.

    Raises:
        DataError: Nobody held out has enough likes to be evaluated on.
    """
    folds = split_people(len(everybody.user_ids), config.eval_folds, config.validation_share, config.seed)
    results = []
    for number, fold in enumerate(folds[: config.eval_folds_run], start=1):
        place = work / f"fold-{number}" if work else None
        result = distributed.broadcast(load_result(place) if place else None)
        if result is None:
            with reporter.stage(f"fold {number}/{config.eval_folds_run}") as report:
                result = run_fold(config, everybody, films, fold, place, report)
        results.append(result)
    return results


def run_fold(
    config: TrainingConfig, everybody: Interactions, films: Films, fold: Fold, work: Path | None, report: EpochReport
) -> FoldResult:
    """Fit on a fold's people, and evaluate on its held-out people."""
    if not (everybody.n_liked[fold.test] >= config.eval_min_positives).any():
        raise DataError(
            f"none of the {len(fold.test)} people held out has {config.eval_min_positives} likes, so nobody can judge",
            fix="give more ratings, or lower eval_min_positives in the configuration",
        )
    contents, epochs, history = fit(
        config,
        everybody,
        films,
        people=fold.train,
        validation=fold.validation,
        checkpoint=work / "checkpoint.safetensors" if work else None,
        report=report,
    )
    train = everybody.select(fold.train)
    rows = short_rows(config, train, contents)
    per_person, beyond = judge_briefly(config, everybody, fold.test, rows, train, films.catalog.genres)
    report(epochs, epochs, {"test_ndcg@10": float(per_person["pipeline", MAIN_K].mean())})
    pipeline = Pipeline(contents)
    cases = [case for k in SEED_COUNTS for case in few_seeds(config, everybody, fold.test, k, 1, 3)]
    samples: dict[str, Sample] = {rung: sample(pipeline, cases, rung) for rung in RUNGS}
    result = FoldResult(per_person, beyond, samples, epochs, history)
    if work and distributed.is_leader():
        save_result(work, result)
    return result


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
    beyond: Beyond = {}
    for name, values in arrays.items():
        if name.startswith("ndcg."):
            _, row, k = name.split(".")
            per_person[row, int(k)] = values
            per_metric = {metric: arrays[f"beyond.{row}.{metric}"] for metric in PER_PERSON}
            beyond[row] = Judged(per_metric, arrays[f"beyond.{row}.shown"], arrays[f"beyond.{row}.likes_shown"])
    samples: dict[str, Sample] = {
        rung: Sample(*(arrays[f"sample.{rung}.{part}"] for part in ("people", "scores", "liked"))) for rung in RUNGS
    }
    return FoldResult(per_person, beyond, samples, int(metadata["epochs"]), json.loads(metadata["history"]))
