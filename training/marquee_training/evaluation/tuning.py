"""Baselines get a fair search: a small grid, judged on the validation people by the question itself."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from marquee_training.evaluation.baselines import Option, Settings
from marquee_training.evaluation.metrics import mean_ndcg
from marquee_training.evaluation.ranking import Scorer, by_scores
from marquee_training.evaluation.rounds import ByK


@dataclass(frozen=True)
class Tuned:
    """The best setting of a grid, and its NDCG on the validation people."""

    value: float
    settings: Settings
    score: Scorer


def best_of(options: Iterable[Option], validations: Sequence[tuple[ByK, int]]) -> list[dict[int | None, Tuned]]:
    """The best of a grid for each question and number of seeds: few seeds want more smoothing than many.

    Each option is made once, and only the best so far are kept.

    Args:
        options: Settings and what they score by, one after the other.
        validations: For each question, the validation people's requests by number of seeds, and n: what counts is
            NDCG@n.

    Returns:
        One per question, by number of seeds; the first option where nobody can judge, the earlier one among equals.
    """
    best: list[dict[int | None, Tuned]] = [{} for _ in validations]
    for settings, score in options:
        for found, (by_k, n) in zip(best, validations, strict=True):
            for k, cases in by_k.items():
                value = float(mean_ndcg(by_scores(score), cases, n).mean()) if len(cases) else 0.0
                if k not in found or value > found[k].value:
                    found[k] = Tuned(value, settings, score)
    return best
