"""Fit on some people, ask about the others; fold by fold."""

from pathlib import Path

from marquee.errors import DataError
from marquee.pipeline import Pipeline
from marquee_training import distributed
from marquee_training.calibrate import RUNGS, sample
from marquee_training.config import TrainingConfig
from marquee_training.data.dataset import Dataset
from marquee_training.data.features import content_matrix, to_catalog
from marquee_training.evaluation.cases import MAIN_K, SEED_COUNTS
from marquee_training.evaluation.judge import judge_briefly
from marquee_training.evaluation.protocols import few_seeds
from marquee_training.evaluation.rows import short_rows
from marquee_training.fit import Films, fit
from marquee_training.fold_result import FoldResult, load_result, save_result
from marquee_training.interactions import Fold, Interactions, build_interactions, split_people
from marquee_training.progress import EpochReport, Reporter


def prepare(dataset: Dataset, config: TrainingConfig) -> tuple[Interactions, Films]:
    """A data set as matrices."""
    everybody = build_interactions(dataset, config.positive_rating)
    catalog = to_catalog(dataset, everybody.popularity)
    return everybody, Films(catalog, content_matrix(dataset, catalog)[0])


def cross_validate(
    config: TrainingConfig, everybody: Interactions, films: Films, reporter: Reporter, work: Path | None = None
) -> list[FoldResult]:
    """Run the folds. With a work folder, finished folds are kept there and not run again."""
    folds = split_people(len(everybody.user_ids), config.eval_folds, config.validation_share, config.seed)
    results = []
    for number, fold in enumerate(folds[: config.eval_folds_run], start=1):
        place = work / f"fold-{number}" if work else None
        result = distributed.decided(load_result(place) if place else None)
        if result is None:
            with reporter.stage(f"fold {number}/{config.eval_folds_run}") as report:
                result = run_fold(config, everybody, films, fold, place, report)
        results.append(result)
    return results


def run_fold(
    config: TrainingConfig, everybody: Interactions, films: Films, fold: Fold, work: Path | None, report: EpochReport
) -> FoldResult:
    """Fit on a fold's people, and ask its held-out people.

    Raises:
        DataError: Nobody held out has enough likes to be asked about.
    """
    if not (everybody.n_liked[fold.test] >= config.eval_min_positives).any():
        raise DataError(
            f"none of the {len(fold.test)} people held out has {config.eval_min_positives} likes, so nobody can judge",
            fix="give more ratings, or lower eval_min_positives in the configuration",
        )
    fitted = fit(
        config,
        everybody,
        films,
        people=fold.train,
        validation=fold.validation,
        checkpoint=work / "checkpoint.safetensors" if work else None,
        report=report,
    )
    train = everybody.of(fold.train)
    rows = short_rows(config, train, fitted.contents)
    per_person, beyond = judge_briefly(config, everybody, fold.test, rows, train, films.catalog.genres)
    report(fitted.epochs, fitted.epochs, {"test_ndcg@10": float(per_person["pipeline", MAIN_K].mean())})
    pipeline = Pipeline(fitted.contents)
    cases = [case for k in SEED_COUNTS for case in few_seeds(config, everybody, fold.test, k, 1, 3)]
    result = FoldResult(
        per_person, beyond, {rung: sample(pipeline, cases, rung) for rung in RUNGS}, fitted.epochs, fitted.history
    )
    if work and distributed.leads():
        save_result(work, result)
    return result
