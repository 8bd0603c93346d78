"""A setting's metrics, how they are saved and compared: the CSV, the Pareto fronts, the best setting."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marquee_training.evaluation.cases import MAIN_K
from marquee_training.evaluation.judge import Judged, beyond_accuracy, judged, pooled, totals
from marquee_training.evaluation.metrics import Values, known_mean, ndcg, recall, rounded_ci95
from marquee_training.evaluation.ranking import Lists, hits_of
from marquee_training.files import load_whole
from marquee_training.sweep.grid import Setting
from marquee_training.sweep.lists import SweepFold

Result = dict[str, Values]
"""A setting's metrics: (p,) per person, NDCG@10 as `ndcg@10_k1`, ... by number of seeds and the others at `main_of`;
and (1,) each for TOTALS, which belong to no single person."""
Rows = list[dict[str, Any]]

TOTALS = ("coverage@10", "median_popularity@10")
BEYOND = ("stratified_recall@20", "ild@10", "genre_divergence@10")
ACCURACY = "ndcg@10"
AGAINST = {"ild@10": 1.0, "coverage@10": 1.0, "median_popularity@10": -1.0}
"""What accuracy is traded for; 1 where more is better, -1 where less is."""
WORTH = 0.1
"""Settings that lose more than this share of the accuracy are in the CSV alone."""


def judge_settings(folds: Sequence[SweepFold], settings: Sequence[Setting]) -> list[Result]:
    """Metrics of settings with one `blend_key`, on the people of all folds."""
    parts = []
    for fold in folds:
        by_k = {k: fold.lists(settings, k, (10, 20)) for k in fold.cases}
        parts.append([_judged(fold, dict(zip(by_k, lists, strict=True))) for lists in zip(*by_k.values(), strict=True)])
    together = [pooled(own) for own in zip(*parts, strict=True)]
    return [own.values | {name: np.array([value]) for name, value in totals(own).items()} for own in together]


def _judged(fold: SweepFold, lists: dict[int | None, list[Lists]]) -> Judged:
    by_k = {}
    for k, cases in fold.cases.items():
        hits = hits_of(lists[k][0], cases.targets)
        by_k[f"{ACCURACY}_k{k}"] = cases.per_person(ndcg(hits, cases.n_targets))
    main_k = main_of(by_k)
    cases, (ten, twenty) = fold.cases[main_k], lists[main_k]
    beyond = beyond_accuracy(cases, ten, twenty, fold.catalog.popularity, fold.catalog.genres)
    values = {"recall@20": recall(hits_of(twenty, cases.targets), cases.n_targets)}
    main = judged(cases, values | {name: beyond[name] for name in BEYOND}, ten, fold.catalog.popularity)
    return Judged(by_k | main.values, main.shown, main.likes_shown)


def load_result(path: Path) -> Result | None:
    """A saved result; None without a sound file."""
    loaded = load_whole(path)
    return loaded and loaded[0]


def mean_ndcg(result: Result) -> Values:
    """(p,): NDCG@10, the mean over all numbers of seeds: a setting is the same for all of them."""
    return np.asarray(np.mean([values for name, values in result.items() if name.startswith(f"{ACCURACY}_k")], axis=0))


def main_of(result: Result) -> int:
    """MAIN_K, or the largest number of seeds below it at which a result was measured."""
    counts = [int(name.removeprefix(f"{ACCURACY}_k")) for name in result if name.startswith(f"{ACCURACY}_k")]
    return max(k for k in counts if k <= MAIN_K)


def table_of(settings: Sequence[Setting], results: Sequence[Result]) -> Rows:
    """Rows in the order of the settings, of which the first is the configured one.

    Returns:
        The setting's columns; `n_people`; `ndcg@10` (at 5 seeds) and `ndcg@10_k1` ... `ndcg@10_k10`; the other metrics
        at 5 seeds; `diff`, `diff_low`, `diff_high`: mean paired difference of `ndcg@10` to the configured setting, and
        its 95 % interval; `diff_mean`, ...: the same of the mean over all numbers of seeds; `front`: in which
        trade-offs (`ild@10`, `coverage@10`, `median_popularity@10`) the row is on the Pareto front.
    """
    base = results[0]
    main = f"{ACCURACY}_k{main_of(base)}"
    rows = []
    for setting, own in zip(settings, results, strict=True):
        means = {name: round(known_mean(values), 5) for name, values in own.items()}
        row = {**setting.columns, "n_people": len(own[main]), ACCURACY: means[main]}
        row |= {name: mean for name, mean in means.items() if name not in TOTALS}
        row |= {name: means[name] for name in TOTALS}
        for name, difference in (("diff", own[main] - base[main]), ("diff_mean", mean_ndcg(own) - mean_ndcg(base))):
            low, high = rounded_ci95(difference)
            row |= {name: round(known_mean(difference), 5), f"{name}_low": low, f"{name}_high": high}
        rows.append(row)
    fronts = {name: on_front(rows, name) for name in AGAINST}
    for number, row in enumerate(rows):
        row["front"] = " ".join(name for name, front in fronts.items() if number in front)
    return rows


def ranked(rows: Rows) -> Rows:
    """The rows of `table_of` with a `rank`, from the best mean NDCG@10 over all numbers of seeds down."""
    order = sorted(range(len(rows)), key=lambda place: -rows[place]["diff_mean"])
    return [{"rank": rank, **rows[place]} for rank, place in enumerate(order, start=1)]


def on_front(rows: Rows, against: str) -> list[int]:
    """The Pareto front: positions of the rows than which no other has more of both NDCG@10 and `against`.

    Returns:
        From the most accurate to the least; of rows that are equal in both, only the first.
    """
    values = AGAINST[against] * np.array([row[against] for row in rows])
    order = np.lexsort((-values, [-row[ACCURACY] for row in rows]))
    best_before = np.maximum.accumulate(np.append(-np.inf, values[order]))[:-1]
    return [int(place) for place in order[values[order] > best_before]]


def shown(rows: Rows, against: str, most: int) -> list[int]:
    """At most `most` rows of a front that lose at most WORTH of the accuracy.

    Both ends, and between them rows about equally far apart in what accuracy is traded for.
    """
    best = max(row[ACCURACY] for row in rows)
    near = [place for place in on_front(rows, against) if rows[place][ACCURACY] >= (1 - WORTH) * best]
    if len(near) <= most:
        return near
    first, last = rows[near[0]][against], rows[near[-1]][against]
    wanted = [first + (last - first) * step / (most - 1) for step in range(most)]
    spread = {min(near, key=lambda place: abs(rows[place][against] - value)) for value in wanted}
    return [place for place in near if place in spread]


def choose(results: Sequence[Result], fold: NDArray[np.int64]) -> tuple[int, Values, Values | None]:
    """The best setting by mean NDCG@10 over the numbers of seeds; the first is the configured one, and wins ties.

    The best of many settings is partly best by chance. Cross-fitting corrects that: for each fold the winner is chosen
    by the people of the other folds, and judged by the fold's own (`fold`, (p,): where each is held out).

    Returns:
        Its position; its difference to the configured setting, (p,); and the cross-fitted one (None for one fold).
    """
    values = np.stack([mean_ndcg(own) for own in results])  # (settings, people)
    best = int(values.mean(axis=1).argmax())
    honest = None
    if len(np.unique(fold)) > 1:
        honest = np.empty(values.shape[1])
        for number in np.unique(fold):
            own = fold == number
            chosen = int(values[:, ~own].mean(axis=1).argmax())
            honest[own] = (values[chosen] - values[0])[own]
    return best, values[best] - values[0], honest
