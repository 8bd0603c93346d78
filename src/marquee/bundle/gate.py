"""The publish gate: a worse bundle than the current one, or than plain popularity, doesn't go live by itself.

It reads `metrics["ndcg@10"]["5"]`, the NDCG@10 of people with 5 seeds, for "pipeline" and "popularity"; and
`metrics["protocol"]`, which says how that was measured. `marquee.bundle.gate_beyond` looks beyond NDCG.
"""

import math
from collections.abc import Mapping
from typing import Any

from marquee.bundle.gate_beyond import against_current, against_popularity, measured
from marquee.bundle.manifest import DataInfo, Manifest

MARGIN = 0.01
METRIC, SEEDS = "ndcg@10", "5"


def score(metrics: Mapping[str, Any], what: str) -> float | None:
    """NDCG@10 at 5 seeds of "pipeline", "popularity" or a baseline; None where it wasn't measured."""
    value: Any = metrics
    for key in (METRIC, SEEDS, what):
        value = value.get(key) if isinstance(value, Mapping) else None
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def interval(metrics: Mapping[str, Any], what: str, seeds: str = SEEDS) -> tuple[float, float] | None:
    """The 95 % interval of such a score; None where it wasn't measured."""
    value: Any = metrics
    for key in ("ci95", seeds, what):
        value = value.get(key) if isinstance(value, Mapping) else None
    if not isinstance(value, list | tuple) or len(value) != 2:
        return None
    low, high = (float(bound) if isinstance(bound, int | float) else math.nan for bound in value)
    return (low, high) if math.isfinite(low) and math.isfinite(high) else None


def n_people(metrics: Mapping[str, Any]) -> int | None:
    """How many held-out people are behind the scores; None where nobody says."""
    value = metrics.get("n_people")
    return value if isinstance(value, int) else None


def gate(
    candidate_metrics: Mapping[str, Any], current_metrics: Mapping[str, Any] | None, margin: float = MARGIN
) -> list[str]:
    """Reasons against publishing; none = go ahead.

    Args:
        candidate_metrics: Of the bundle that would go live.
        current_metrics: Of the bundle that is live, if the two can be compared (see `incomparable`).
        margin: How much NDCG@10 the candidate may lose against the current bundle: evaluation is noisy.
    """
    pipeline, popularity = score(candidate_metrics, "pipeline"), score(candidate_metrics, "popularity")
    if pipeline is None or popularity is None:
        return [f"the bundle has no {METRIC} at {SEEDS} seeds, so nothing shows that it is any good"]
    reasons = []
    if pipeline < popularity:
        reasons.append(
            f"{METRIC} at {SEEDS} seeds is {pipeline:.4f}, below what popularity alone reaches ({popularity:.4f})"
        )
    reasons += against_popularity(candidate_metrics)
    live = score(current_metrics or {}, "pipeline")
    if live is not None and pipeline < live - margin:
        reasons.append(
            f"{METRIC} at {SEEDS} seeds is {pipeline:.4f}, more than {margin:g} below the current bundle's {live:.4f}"
        )
    return reasons + against_current(candidate_metrics, current_metrics or {})


def incomparable(metrics: Mapping[str, Any], data: DataInfo, current: Manifest) -> str | None:
    """Why the candidate's numbers can't be held against the current bundle's; None where they can."""
    if score(current.metrics, "pipeline") is None:
        return f"not compared with {current.version}: it has no {METRIC} at {SEEDS} seeds"
    if not data.sha256 or data.sha256 != current.data.sha256:
        return f"not compared with {current.version}: it was trained on other data ({current.data.name})"
    ours, theirs = metrics.get("protocol"), current.metrics.get("protocol")
    if ours != theirs:
        return f"not compared with {current.version}: measured by protocol {theirs!r}, this one by {ours!r}"
    return None


def half_comparable(current: Manifest) -> str | None:
    """Why only the NDCG@10 is held against the current bundle's; None where all figures are."""
    if measured(current.metrics):
        return None
    return f"compared with {current.version} by {METRIC} alone: it has no figures beyond accuracy"
