"""The CSV: a row per setting, with its marks and what it gains or loses against the configured one."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from marquee_training.evaluation.cases import MAIN_K, SEED_COUNTS
from marquee_training.evaluation.intervals import rounded_ci95
from marquee_training.evaluation.metrics import Values
from marquee_training.sweep.front import AGAINST, on_front
from marquee_training.sweep.grid import Dials
from marquee_training.sweep.results import Marks

Rows = list[dict[str, Any]]


def main_ndcg(marks: Marks) -> Values:
    """(p,): NDCG@10 at MAIN_K seeds."""
    return marks.values[f"ndcg@10_k{MAIN_K}"]


def mean_ndcg(marks: Marks) -> Values:
    """(p,): NDCG@10, the mean over all numbers of seeds: dials are the same for all of them."""
    return np.asarray(np.mean([marks.values[f"ndcg@10_k{k}"] for k in SEED_COUNTS], axis=0))


def table_of(settings: Sequence[Dials], marks: Sequence[Marks]) -> Rows:
    """Rows in the order of the settings, of which the first is the configured one.

    Returns:
        The dials; `n_people`; `ndcg@10` (at 5 seeds) and `ndcg@10_k1` ... `ndcg@10_k10`; the other marks at 5 seeds;
        `diff`, `diff_low`, `diff_high`: mean paired difference of `ndcg@10` to the configured setting, and its 95 %
        interval; `diff_mean`, ...: the same of the mean over all numbers of seeds; `front`: in which trade-offs
        (`ild@10`, `coverage@10`, `median_popularity@10`) nothing beats the row.
    """
    base = marks[0]
    rows = [_row(dials, own, base) for dials, own in zip(settings, marks, strict=True)]
    fronts = {name: on_front(rows, name) for name in AGAINST}
    for number, row in enumerate(rows):
        row["front"] = " ".join(name for name, front in fronts.items() if number in front)
    return rows


def _row(dials: Dials, marks: Marks, base: Marks) -> dict[str, Any]:
    row = {**dials.columns, "n_people": len(marks.fold), "ndcg@10": _mean(main_ndcg(marks))}
    row |= {name: _mean(values) for name, values in marks.values.items()}
    row |= {"coverage@10": round(marks.totals["coverage@10"], 5)}
    row |= {"median_popularity@10": marks.totals["median_popularity@10"]}
    for name, value in (("diff", main_ndcg), ("diff_mean", mean_ndcg)):
        difference = value(marks) - value(base)
        low, high = rounded_ci95(difference)
        row |= {name: _mean(difference), f"{name}_low": low, f"{name}_high": high}
    return row


def _mean(values: Values) -> float:
    return round(float(np.nanmean(values)), 5) if (~np.isnan(values)).any() else float("nan")


def write(path: Path, rows: Rows) -> None:
    """The CSV, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".tmp")
    pd.DataFrame(rows).to_csv(aside, index=False)
    aside.replace(path)
