"""Baselines get a fair search: a small grid, judged on the validation people by the question itself."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from training.evaluation.accuracy import mean_ndcg
from training.evaluation.baselines import Option, Settings
from training.evaluation.ranking import Scorer, by_scores
from training.evaluation.rounds import ByK


@dataclass(frozen=True)
class Tuned:
    """The best setting of a grid."""

    settings: Settings
    score: Scorer


def best_of(options: Iterable[Option], validations: Sequence[tuple[ByK, int]]) -> list[Tuned]:
    """The best of a grid for each question; each option is made once, and only the best so far are kept.

    Args:
        options: Settings and what they score by, one after the other.
        validations: For each question, the validation people's requests by number of seeds, and n: what counts is
            NDCG@n, averaged over the numbers of seeds.

    Returns:
        One per question; the first option where nobody can judge, the earlier one among equals.
    """
    best: list[tuple[float, Tuned] | None] = [None] * len(validations)
    for settings, score in options:
        for place, (cases, n) in enumerate(validations):
            means = [float(mean_ndcg(by_scores(score), part, n).mean()) for part in cases.values() if len(part)]
            value = float(np.mean(means)) if means else 0.0
            held = best[place]
            if held is None or value > held[0]:
                best[place] = (value, Tuned(settings, score))
    return [held[1] for held in best if held is not None]
