"""State of one server process for its operator: versions in the store, and sums of the metrics."""

import shlex
import time
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from math import inf
from pathlib import Path

from prometheus_client import Counter, Histogram

from marquee.base_model import FrozenBaseModel
from marquee.bundle.store import Store
from marquee.bundle.versions import History, VersionNow
from marquee.bundle.watch import Live
from marquee.pipeline import Pipeline
from marquee.settings import Settings
from marquee_reranker.telemetry import Telemetry

SCOPE = "this process alone, since it started; each replica has figures of its own, and docs/metrics.md adds them up"
RECOMMENDATIONS = ("/v1/recommendations", "/recommend")
# Requests that come every few seconds, whether the service is used or not.
LEFT_OUT = ("/livez", "/readyz", "/v1/operations")
MAX_PNG_BYTES = 4 * 1024 * 1024
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


class Requests(FrozenBaseModel):
    """Answered requests, without probes and requests for the operations."""

    total: int
    errors: int
    """Requests with status 500 or above, including refusals because of load."""


class Latency(FrozenBaseModel):
    """Latency of recommendations, from the histogram's buckets; null before the first one."""

    p50: float | None
    p95: float | None
    p99: float | None


class OperationsNow(FrozenBaseModel):
    """State of one process."""

    scope: str
    """Scope of the figures."""
    model_version: str | None
    """Version of the bundle in use; null before one is loaded."""
    store: str | None
    """Why the store of bundles can't be reached, while the loaded one is served; null if it can."""
    started: datetime
    uptime_s: float
    requests: Requests
    latency_ms: Latency
    served_by: dict[str, int]
    """Recommendations by rung of the ladder."""
    degraded: dict[str, int]
    """Degraded answers by reason."""
    shed: dict[str, int]
    """Requests refused because of load."""
    versions: list[VersionNow]
    """Versions in the store, newest first."""
    rollback: str | None
    """Command that rolls back to the previous model; null if a single bundle is served instead of a store."""
    sweep: bool
    """Whether /v1/operations/sweep.png exists."""


class Operations:
    """Reports on one process. Thread-safe."""

    def __init__(self, settings: Settings, telemetry: Telemetry, store: Store, live: Live[Pipeline]) -> None:
        self._settings = settings
        self._telemetry = telemetry
        self._live = live
        self._store = store
        self._history = History(store)
        self._started = datetime.now(UTC)
        self._clock = time.monotonic()

    def now(self) -> OperationsNow:
        """The process's state now; raises `BundleError` if the served bundle, outside a store, can't be read."""
        telemetry, store = self._telemetry, self._store
        default_rollback = f"marquee rollback --store {shlex.quote(str(store))}"
        by_status = totals(telemetry.requests, "status", {"route": LEFT_OUT})
        errors = sum(count for status, count in by_status.items() if int(status) >= 500)
        durations = buckets(telemetry.duration, route=RECOMMENDATIONS)
        seconds = {f"p{q}": quantile(durations, q / 100) for q in (50, 95, 99)}
        return OperationsNow(
            scope=SCOPE,
            model_version=self._live.get().version if self._live.ready else None,
            store=self._live.trouble,
            started=self._started,
            uptime_s=round(time.monotonic() - self._clock, 1),
            requests=Requests(total=sum(by_status.values()), errors=errors),
            latency_ms=Latency(**{name: None if s is None else round(s * 1e3, 3) for name, s in seconds.items()}),
            served_by=totals(telemetry.recommendations, "served_by"),
            degraded=totals(telemetry.degraded, "reason"),
            shed=totals(telemetry.shed, "reason"),
            versions=[
                version.model_copy(update={"refused": version.refused or self._live.refuses(version.manifest_sha256)})
                for version in self._history.versions()
            ],
            rollback=None if store.is_one_version else self._settings.rollback or default_rollback,
            sweep=self.sweep_plot() is not None,
        )

    def sweep_plot(self) -> Path | None:
        """Path of a plot of the re-ranker's sweep, from the settings or else the bundle; None if there is none."""
        if plot := self._settings.sweep_plot:
            return plot if plot.is_file() else None
        if not self._live.ready:
            return None
        bundle = self._live.get().bundle
        plots = sorted(name for name in bundle.eval_files if name.startswith("sweep_") and name.endswith(".png"))
        path = bundle.path / "eval" / plots[-1] if bundle.path and plots else None
        return path if path and path.is_file() else None


def read_png(path: Path) -> bytes | None:
    """The bytes of a PNG file; None if it is something else, or longer than MAX_PNG_BYTES."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_PNG_BYTES + 1)
    except OSError:
        return None  # pruned meanwhile
    return content if content.startswith(PNG_SIGNATURE) and len(content) <= MAX_PNG_BYTES else None


def totals(counter: Counter, label: str, leave_out: Mapping[str, Collection[str]] | None = None) -> dict[str, int]:
    """A counter's sums by one of its labels, without the series whose labels have the values in `leave_out`."""
    sums: dict[str, int] = {}
    for sample in (sample for metric in counter.collect() for sample in metric.samples):
        left_out = any(sample.labels[name] in values for name, values in (leave_out or {}).items())
        if sample.name.endswith("_total") and not left_out:
            sums[sample.labels[label]] = sums.get(sample.labels[label], 0) + int(sample.value)
    return sums


def buckets(histogram: Histogram, **labels: Collection[str]) -> list[tuple[float, float]]:
    """Upper bounds, ascending to infinity, and the observations below each, over all series of these label values."""
    sums: dict[float, float] = {}
    for sample in (sample for metric in histogram.collect() for sample in metric.samples):
        wanted = all(sample.labels.get(name) in values for name, values in labels.items())
        if sample.name.endswith("_bucket") and wanted:
            bound = float(sample.labels["le"])
            sums[bound] = sums.get(bound, 0.0) + sample.value
    return sorted(sums.items())


def quantile(cumulative: list[tuple[float, float]], q: float) -> float | None:
    """A quantile as Prometheus' `histogram_quantile`: linear within a bucket, at most the last finite bound."""
    if not cumulative or not cumulative[-1][1]:
        return None
    rank = q * cumulative[-1][1]
    lower, below = 0.0, 0.0
    for bound, count in cumulative:
        if bound == inf:
            break
        if count >= rank and count > below:
            return min(bound, lower + (bound - lower) * (rank - below) / (count - below))  # floats may overshoot
        lower, below = bound, count
    return lower
