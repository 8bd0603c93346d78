"""Which setting wins, and what winning is worth.

The best of many settings on some people flatters itself by those people's chance. Cross-fitting doesn't: for each
fold the winner is chosen by the people of the other folds, and judged by the fold's own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from marquee_training.evaluation.intervals import ci95
from marquee_training.evaluation.metrics import Values
from marquee_training.sweep.results import Marks
from marquee_training.sweep.table import mean_ndcg


@dataclass(frozen=True)
class Gain:
    """Mean difference to the configured setting in NDCG@10, mean over the numbers of seeds, and its 95 % interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Choice:
    """The winner.

    Attributes:
        best: Its position among the settings.
        gain: On the people who chose it.
        honest: Of choosing so, cross-fitted; None where one fold was asked.
    """

    best: int
    gain: Gain
    honest: Gain | None


def choose(marks: Sequence[Marks]) -> Choice:
    """The best setting by mean NDCG@10 over the numbers of seeds; the first is the configured one, and wins ties."""
    values = np.stack([mean_ndcg(own) for own in marks])  # (settings, people)
    fold = marks[0].fold
    best = int(values.mean(axis=1).argmax())
    honest = None
    if len(np.unique(fold)) > 1:
        difference = np.empty(values.shape[1])
        for number in np.unique(fold):
            own = fold == number
            chosen = int(values[:, ~own].mean(axis=1).argmax())
            difference[own] = (values[chosen] - values[0])[own]
        honest = _gain(difference)
    return Choice(best, _gain(values[best] - values[0]), honest)


def _gain(difference: Values) -> Gain:
    return Gain(float(difference.mean()), *ci95(difference))
