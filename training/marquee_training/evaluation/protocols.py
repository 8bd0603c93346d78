"""The protocols by name, and the two that split people at random: few-seeds and holdout."""

from collections.abc import Iterator, Sequence

from marquee.errors import ConfigError
from marquee_training.config import TrainingConfig
from marquee_training.data.dataset import Dataset
from marquee_training.evaluation.cases import holdout_cases
from marquee_training.evaluation.cold_items import cold_round, deal_films
from marquee_training.evaluation.rounds import (
    TUNING_DRAWS,
    ByK,
    Question,
    Round,
    asked,
    few_seeds,
    tuning_cases,
    visible_part,
)
from marquee_training.evaluation.temporal import temporal_round
from marquee_training.interactions import Fold, Interactions, build_interactions, split_people

PROTOCOLS = ("few-seeds", "holdout", "temporal", "cold-items")


def rounds_of(
    dataset: Dataset, config: TrainingConfig, protocols: Sequence[str], seed_counts: Sequence[int]
) -> Iterator[Round]:
    """The rounds of some protocols. few-seeds and holdout share their folds, and so their fits.

    Raises:
        ConfigError: An unknown protocol, or more seeds than the people asked have likes to spare.
        DataError: Nobody held out can be asked.
    """
    if unknown := [name for name in protocols if name not in PROTOCOLS]:
        raise ConfigError(f"no protocol is called {unknown[0]!r}", fix=f"use one of {', '.join(PROTOCOLS)}")
    if max(seed_counts) >= config.eval_min_positives or min(seed_counts) < 1:
        raise ConfigError(
            f"seeds {','.join(map(str, seed_counts))}: people with {config.eval_min_positives} likes are asked, "
            "and some of their likes have to be left to be found",
            fix="give numbers from 1, below eval_min_positives in the configuration",
        )
    everybody = build_interactions(dataset, config.positive_rating)
    split = tuple(name for name in ("few-seeds", "holdout") if name in protocols)
    folds = split_people(len(everybody.user_ids), config.eval_folds, config.validation_share, config.seed)
    for number, fold in enumerate(folds[: config.eval_folds_run], start=1):
        name = f"fold {number}/{config.eval_folds_run}"
        if split:
            yield split_round(config, everybody, fold, split, seed_counts, name)
    if "temporal" in protocols:
        yield temporal_round(dataset, config, seed_counts)
    if "cold-items" in protocols:
        parts = deal_films(everybody, config)
        for number, (fold, new) in enumerate(zip(folds, parts, strict=True), start=1):
            if number <= config.eval_folds_run:
                name = f"new films {number}/{config.eval_folds_run}"
                yield cold_round(config, everybody, fold, new, seed_counts, name)


def split_round(
    config: TrainingConfig,
    everybody: Interactions,
    fold: Fold,
    protocols: Sequence[str],
    seed_counts: Sequence[int],
    name: str,
) -> Round:
    """One random split by people: few-seeds, holdout, or both."""
    visible, train, validation = visible_part(everybody, fold)
    questions = []
    if "few-seeds" in protocols:
        tests: ByK = {k: few_seeds(config, everybody, fold.test, k, config.eval_draws, 2) for k in seed_counts}
        questions.append(
            Question("few-seeds", asked(tests, config), tuning_cases(config, visible, validation, seed_counts))
        )
    if "holdout" in protocols:
        limits = {"max_people": config.eval_max_people}
        test = holdout_cases(everybody, fold.test, draws=config.eval_draws, seed=config.seed + 6, **limits)
        tuning = holdout_cases(visible, validation, draws=TUNING_DRAWS, seed=config.seed + 5, **limits)
        questions.append(Question("holdout", asked({None: test}, config), {None: tuning}, depth=100))
    return Round(name, visible, train, validation, tuple(questions))
