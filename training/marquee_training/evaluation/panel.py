"""Who can judge: the held-out people, and the numbers of seeds that their likes leave room for (docs/adr/0017)."""

from dataclasses import dataclass

import numpy as np

from marquee.bundle.gate import LEAST_PEOPLE
from marquee.errors import DataError
from marquee_training.config import TrainingConfig
from marquee_training.evaluation.cases import LEAST_TARGETS, SEED_COUNTS, seed_counts
from marquee_training.interactions import Fold, Interactions, split_people


@dataclass(frozen=True)
class Panel:
    """How a data set is judged.

    Attributes:
        config: The configuration, with an `eval_min_positives` that enough people reach.
        folds: Those that can be fitted and judged; none where nobody can judge.
        not_judged: What can't be judged and why; empty if everything can.
    """

    config: TrainingConfig
    folds: list[Fold]
    not_judged: str

    def require(self) -> None:
        """A DataError where nobody can judge."""
        if not self.folds:
            raise DataError(f"not judged: {self.not_judged}", fix="give ratings of more people")


def choose_panel(config: TrainingConfig, everybody: Interactions) -> Panel:
    """Lower `eval_min_positives` where fewer than LEAST_PEOPLE held-out people have as many likes.

    The most numbers of seeds that LEAST_PEOPLE people can judge are judged; of less data, those that most people can.
    """
    n_liked = everybody.n_liked
    dealt = split_people(len(n_liked), config.eval_folds, config.validation_share, config.seed)
    folds = [fold for fold in dealt[: config.eval_folds_run] if (n_liked[fold.train] >= 2).sum() >= 2]
    held_out = n_liked[np.concatenate([np.empty(0, dtype=np.int64), *(fold.test for fold in folds)])]
    most = config.eval_min_positives
    leasts = [most, *(k + LEAST_TARGETS for k in reversed(SEED_COUNTS) if k + LEAST_TARGETS < most)]
    judges = [int((held_out >= least).sum()) for least in leasts]
    enough = next((at for at, n in enumerate(judges) if n >= LEAST_PEOPLE), int(np.argmax(judges)))
    least = leasts[enough]
    chosen = config.model_copy(update={"eval_min_positives": least})
    able = [fold for fold in folds if (n_liked[fold.test] >= least).any()]
    if not able:
        return Panel(chosen, [], f"the model as a whole: the likes of {len(n_liked):,} are too few to hold some out")
    lost = [k for k in seed_counts(most) if k not in seed_counts(least)]
    if not lost:
        return Panel(chosen, able, "")
    counts = " and ".join(map(str, lost))
    needed = lost[0] + LEAST_TARGETS
    n = int((held_out >= needed).sum())
    return Panel(
        chosen,
        able,
        f"requests with {counts} liked films: of {len(held_out):,} people held out, {n:,} have the {needed} likes "
        f"that {lost[0]} take",
    )
