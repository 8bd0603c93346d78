"""How sure is a mean? Percentile bootstrap over people (Efron 1979).

All means over the same number of people share their resamples, so differences between rows are paired.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1000


@lru_cache(maxsize=4)
def _counts(n: int, seed: int) -> NDArray[np.float32]:
    """(RESAMPLES, n): how often each person is drawn."""
    rng = np.random.default_rng(seed)
    return np.stack([np.bincount(rng.integers(0, n, n), minlength=n).astype(np.float32) for _ in range(RESAMPLES)])


def ci95(values: NDArray[np.float64], seed: int = 0) -> tuple[float, float]:
    """95 % interval of the mean over people.

    Args:
        values: (p,), NaN for people who have no such value: they count in no mean.
        seed: Of the resamples.

    Returns:
        Low and high; NaN where nobody has a value.
    """
    known = ~np.isnan(values)
    if not known.any():
        return float("nan"), float("nan")
    counts = _counts(len(values), seed)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = (counts @ np.where(known, values, 0.0)) / (counts @ known.astype(np.float64))
    low, high = np.nanpercentile(means, [2.5, 97.5])
    return float(low), float(high)


def rounded_ci95(values: NDArray[np.float64]) -> list[float]:
    """`ci95` with four decimals, for JSON."""
    return [round(bound, 4) for bound in ci95(values)]
