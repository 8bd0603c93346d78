"""Who is fitted on and who is asked: a protocol is a list of rounds, each with fits of its own."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marquee.errors import DataError
from marquee_training.config import TrainingConfig
from marquee_training.evaluation.cases import Cases, few_seed_cases
from marquee_training.interactions import Fold, Interactions

TUNING_DRAWS = 10
"""Validation people are few: more draws of their seeds make the choice of a setting less of an accident."""

ByK = dict[int | None, Cases]
"""Requests by their number of seeds; None where a share of the likes is shown."""


@dataclass(frozen=True)
class Question:
    """What the people of a round are asked.

    Attributes:
        protocol: few-seeds, holdout, temporal or cold-items.
        tests: Requests of people whom no fit has seen.
        validations: Requests of the people who tune baselines.
        depth: n of the NDCG@n that decides there.
        shelf: (n,) bool, the new films (cold-items); None elsewhere.
        ties: Seed of a random order of equally scored films in each request; None = the lower id first.
    """

    protocol: str
    tests: ByK
    validations: ByK
    depth: int = 10
    shelf: NDArray[np.bool_] | None = None
    ties: int | None = None


@dataclass(frozen=True)
class Round:
    """One fit of everything.

    Attributes:
        name: For people, such as "fold 1/5".
        visible: All that any fit may see: nothing of those who are asked is in it.
        train: Rows of `visible` to fit on.
        validation: Rows of `visible` who tell when to stop and tune baselines.
        questions: What is asked of the models.
    """

    name: str
    visible: Interactions
    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    questions: tuple[Question, ...]


def visible_part(everybody: Interactions, fold: Fold) -> tuple[Interactions, NDArray[np.int64], NDArray[np.int64]]:
    """Everybody but the fold's test people; and the rows of its training and validation people in that."""
    kept = np.sort(np.concatenate([fold.train, fold.validation]))
    return everybody.of(kept), np.searchsorted(kept, fold.train), np.searchsorted(kept, fold.validation)


def few_seeds(
    config: TrainingConfig, interactions: Interactions, people: NDArray[np.int64], k: int, draws: int, offset: int
) -> Cases:
    """`few_seed_cases` by the configuration; `offset` keeps the random numbers of different uses apart."""
    return few_seed_cases(
        interactions,
        people,
        k,
        min_positives=config.eval_min_positives,
        draws=draws,
        seed=config.seed + offset,
        max_people=config.eval_max_people,
    )


def tuning_cases(
    config: TrainingConfig, visible: Interactions, validation: NDArray[np.int64], seed_counts: Sequence[int]
) -> ByK:
    """What baselines are tuned by, in every protocol that shows a few seeds."""
    return {k: few_seeds(config, visible, validation, k, TUNING_DRAWS, 5) for k in seed_counts}


def asked(tests: ByK, config: TrainingConfig) -> ByK:
    """The same, if there is anybody.

    Raises:
        DataError: There isn't.
    """
    if not all(len(cases) for cases in tests.values()):
        raise DataError(
            f"nobody held out has {config.eval_min_positives} likes (and, for new films, likes one): nobody can judge",
            fix="give more ratings, or lower eval_min_positives in the configuration",
        )
    return tests
