"""What the metrics of this process come to: sums and quantiles for people who have no Prometheus at hand."""

from collections.abc import Collection, Mapping

from prometheus_client import Counter, Histogram

Buckets = list[tuple[float, float]]


def totals(counter: Counter, label: str, leave_out: Mapping[str, Collection[str]] | None = None) -> dict[str, int]:
    """A counter's sums by one of its labels.

    Args:
        counter: Of which.
        label: By which.
        leave_out: Label values whose series don't count.
    """
    sums: dict[str, int] = {}
    for sample in (sample for metric in counter.collect() for sample in metric.samples):
        left_out = any(sample.labels[name] in values for name, values in (leave_out or {}).items())
        if sample.name.endswith("_total") and not left_out:
            sums[sample.labels[label]] = sums.get(sample.labels[label], 0) + int(sample.value)
    return sums


def buckets(histogram: Histogram, **labels: Collection[str]) -> Buckets:
    """Upper bounds, ascending to infinity, and how many observations lie below each.

    Args:
        histogram: Of which.
        labels: Values of labels whose series are added up.
    """
    sums: dict[float, float] = {}
    for sample in (sample for metric in histogram.collect() for sample in metric.samples):
        wanted = all(sample.labels.get(name) in values for name, values in labels.items())
        if sample.name.endswith("_bucket") and wanted:
            bound = float(sample.labels["le"])
            sums[bound] = sums.get(bound, 0.0) + sample.value
    return sorted(sums.items())


def quantile(counted: Buckets, q: float) -> float | None:
    """As Prometheus' `histogram_quantile`: linear within a bucket, beyond them the last bound; None without data."""
    if not counted or not counted[-1][1]:
        return None
    rank = q * counted[-1][1]
    lower, below = 0.0, 0.0
    for bound, count in counted:
        if count >= rank and count > below:
            if bound == float("inf"):
                break
            return min(bound, lower + (bound - lower) * (rank - below) / (count - below))  # floats may overshoot
        if bound != float("inf"):
            lower = bound
        below = count
    return lower
