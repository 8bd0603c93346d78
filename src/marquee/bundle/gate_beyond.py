"""The part of the publish gate that looks beyond NDCG: a model of hits alone can score well and serve few.

It reads `metrics["beyond"]["5"]`, at 5 seeds, for "pipeline" and "popularity". docs/quality.md says how the margins
were found.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SEEDS = "5"


@dataclass(frozen=True)
class Bound:
    """What a bundle may not lose against the current one.

    Attributes:
        metric: Its name in the manifest.
        may_lose: Share of the current bundle's figure, since these figures have other sizes on other data.
        meaning: In words, for the reason.
        fix: What helps.
        less_is_better: Whether a higher figure is the loss.
    """

    metric: str
    may_lose: float
    meaning: str
    fix: str
    less_is_better: bool = False

    def limit(self, live: float) -> float:
        """The worst figure that passes beside the current bundle's."""
        return live * (1 + self.may_lose if self.less_is_better else 1 - self.may_lose)


BOUNDS = (
    Bound("coverage@10", 0.20, "less of the catalogue is shown", "lower delta_pop, so that hits count for less"),
    Bound("ild@10", 0.02, "lists are less varied", "lower lambda_mmr"),
    Bound("stratified_recall@20", 0.05, "fewer of the lesser-known films are found", "lower delta_pop"),
    Bound("niche_ndcg@10", 0.04, "people with niche taste are served worse", "lower delta_pop"),
    Bound(
        "genre_divergence@10",
        0.05,
        "lists keep less to a person's genres",
        "raise beta_gen or lambda_mmr",
        less_is_better=True,
    ),
)
ABOVE_POPULARITY = ("coverage@10", "stratified_recall@20")


def figure(metrics: Mapping[str, Any], what: str, metric: str) -> float | None:
    """A figure of "pipeline", "popularity" or a baseline; None where it wasn't, or couldn't be, measured."""
    value: Any = metrics
    for key in ("beyond", SEEDS, what, metric):
        value = value.get(key) if isinstance(value, Mapping) else None
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def measured(metrics: Mapping[str, Any]) -> bool:
    """Whether a bundle has what popularity is held against."""
    return all(
        figure(metrics, what, metric) is not None for what in ("pipeline", "popularity") for metric in ABOVE_POPULARITY
    )


def against_popularity(metrics: Mapping[str, Any]) -> list[str]:
    """Reasons against a bundle that shows or finds no more than a list of the most liked films would."""
    if not measured(metrics):
        names = " and ".join(ABOVE_POPULARITY)
        return [f"the bundle has no {names} at {SEEDS} seeds, so nothing shows that it is more than a list of hits"]
    reasons = []
    for metric in ABOVE_POPULARITY:
        ours, theirs = figure(metrics, "pipeline", metric), figure(metrics, "popularity", metric)
        # Where a catalogue is so small that popularity shows or finds all of it, nothing can be above that.
        if ours is not None and theirs is not None and ours <= theirs < 1:
            reasons.append(
                f"{metric} at {SEEDS} seeds is {ours:.4f}, not above what popularity alone reaches ({theirs:.4f}): "
                "lower delta_pop, so that hits count for less"
            )
    return reasons


def against_current(metrics: Mapping[str, Any], current: Mapping[str, Any]) -> list[str]:
    """Reasons against a bundle that loses more than the noise; figures that one of the two lacks are left out."""
    reasons = []
    for bound in BOUNDS:
        ours, live = figure(metrics, "pipeline", bound.metric), figure(current, "pipeline", bound.metric)
        if ours is None or live is None:
            continue
        limit = bound.limit(live)
        if ours > limit if bound.less_is_better else ours < limit:
            side = "above" if bound.less_is_better else "below"
            reasons.append(
                f"{bound.metric} at {SEEDS} seeds is {ours:.4f}, more than {bound.may_lose:.0%} {side} the current "
                f"bundle's {live:.4f}: {bound.meaning}; {bound.fix}"
            )
    return reasons
