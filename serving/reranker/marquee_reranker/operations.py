"""What an operator wants to see of one process: `marquee.bundle.history` and the metrics, put together."""

import shlex
import time
from datetime import UTC, datetime
from pathlib import Path

from pydantic import Field

from marquee.base_model import FrozenBaseModel
from marquee.bundle.history import History
from marquee.bundle.store import is_version_folder
from marquee.bundle.watch import Live
from marquee.pipeline import Pipeline
from marquee.settings import Settings
from marquee_reranker.sweep_plot import sweep_plot
from marquee_reranker.tally import buckets, quantile, totals
from marquee_reranker.telemetry import Telemetry

SCOPE = "this process alone, since it started; each replica has figures of its own, and docs/metrics.md adds them up"
RECOMMENDATIONS = ("/v1/recommendations", "/recommend")
# They come every few seconds, whether anybody uses the service or not.
LEFT_OUT = ("/livez", "/readyz", "/v1/operations")


class Requests(FrozenBaseModel):
    """Requests answered; probes and looks at the operations are left out."""

    total: int
    errors: int
    """Of them, with status 500 or above; refusals because of load among them."""


class Latency(FrozenBaseModel):
    """Of recommendations, from the histogram's buckets; null before the first one."""

    p50: float | None
    p95: float | None
    p99: float | None


class VersionNow(FrozenBaseModel):
    """A version in the store."""

    version: str
    created: datetime
    current: bool
    """Whether the store's pointer names it."""
    ndcg: float | None = Field(alias="ndcg@10")
    """At 5 films; null where it wasn't measured."""
    ci95: tuple[float, float] | None
    """Its 95 % interval over people."""
    refused: bool
    """Whether this process can't use it: its manifest is unreadable, or it was tried and refused."""


class OperationsNow(FrozenBaseModel):
    """How one process fares."""

    scope: str
    """Whose figures these are."""
    model_version: str | None
    """The bundle that answers; null before there is one."""
    started: datetime
    uptime_s: float
    requests: Requests
    latency_ms: Latency
    served_by: dict[str, int]
    """Recommendations by rung of the ladder."""
    degraded: dict[str, int]
    """Why answers were less than asked for."""
    shed: dict[str, int]
    """Requests refused because of load."""
    versions: list[VersionNow]
    """Newest first."""
    rollback: str | None
    """The command that goes back to the model before; null where one bundle is served, and no store."""
    sweep: bool
    """Whether there is a picture at /v1/operations/sweep.png."""


class Operations:
    """Looks at one process. Thread-safe.

    Args:
        settings: Of the application.
        telemetry: Where it counts.
        live: Its bundle.
    """

    def __init__(self, settings: Settings, telemetry: Telemetry, live: Live[Pipeline]) -> None:
        self._settings = settings
        self._telemetry = telemetry
        self._live = live
        self._history = History(settings.artifacts_dir)
        self._started = datetime.now(UTC)
        self._clock = time.monotonic()

    def now(self) -> OperationsNow:
        """How the process fares now.

        Raises:
            BundleError: One bundle is served, and no store, and it can't be read.
        """
        telemetry = self._telemetry
        by_status = totals(telemetry.requests, "status", {"route": LEFT_OUT})
        durations = buckets(telemetry.duration, route=RECOMMENDATIONS)
        return OperationsNow(
            scope=SCOPE,
            model_version=self._live.get().version if self._live.ready else None,
            started=self._started,
            uptime_s=round(time.monotonic() - self._clock, 1),
            requests=Requests(
                total=sum(by_status.values()),
                errors=sum(count for status, count in by_status.items() if int(status) >= 500),
            ),
            latency_ms=Latency(**{f"p{q}": _ms(quantile(durations, q / 100)) for q in (50, 95, 99)}),
            served_by=totals(telemetry.recommendations, "served_by"),
            degraded=totals(telemetry.degraded, "reason"),
            shed=totals(telemetry.shed, "reason"),
            versions=self._versions(),
            rollback=self._rollback(),
            sweep=self.sweep_plot() is not None,
        )

    def sweep_plot(self) -> Path | None:
        """A picture of the re-ranker's sweep, if there is one."""
        return sweep_plot(self._settings, self._live.get() if self._live.ready else None)

    def _versions(self) -> list[VersionNow]:
        return [
            VersionNow(
                version=past.version,
                created=past.created,
                current=past.current,
                **{"ndcg@10": past.ndcg},
                ci95=past.ci95,
                refused=not past.manifest_sha256 or self._live.refuses(past.manifest_sha256),
            )
            for past in self._history.versions()
        ]

    def _rollback(self) -> str | None:
        store = self._settings.artifacts_dir
        if is_version_folder(store):
            return None
        return self._settings.rollback or f"marquee rollback --store {shlex.quote(str(store))}"


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1e3, 3)
