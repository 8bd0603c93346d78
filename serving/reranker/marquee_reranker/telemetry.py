"""Log lines and metrics; all names of metrics are in this file."""

import logging
import sys
from functools import cache, partial
from typing import Any, Literal, TextIO

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, PlatformCollector, ProcessCollector
from starlette.types import Scope
from structlog.typing import Processor

from marquee.api.contracts import RecommendationResponse
from marquee.api.request_context import RequestContext
from marquee.inspect_request import RequestAccount
from marquee.pipeline import LADDER, Trace

# 0.5 ms to 1 s: a healthy request takes a few milliseconds, and clients give up after a second.
SECONDS = (0.0005, 0.001, 0.002, 0.004, 0.008, 0.015, 0.03, 0.06, 0.125, 0.25, 0.5, 1.0)
SHARES = tuple(tenth / 10 for tenth in range(11))
MODEL = "model_version"  # label; "" where no model was used
CANDIDATES = (0, 10, 50, 100, 150, 200, 400, 1000)

_LATER = "served_by n_seeds n_candidates retrieval_ms rerank_ms model_version shed".split()


def new_log_fields(context: RequestContext) -> dict[str, Any]:
    """Fields of a request's log line; None for those that are filled in later."""
    ids = {"request_id": context.request_id, "trace_id": context.trace_id or None}
    return {**ids, "degraded": [], **dict.fromkeys(_LATER)}


def log_fields(scope: Scope) -> dict[str, Any]:
    """Fields of the log line of a scope's request, to be filled in."""
    fields: dict[str, Any] = scope["state"]["log"]
    return fields


def log_answer(fields: dict[str, Any], answer: RecommendationResponse | RequestAccount, trace: Trace) -> None:
    """Add the rung, its reasons, the candidates and the times of an answer to the fields of a log line."""
    fields.update(
        served_by=answer.served_by,
        degraded=answer.degraded,
        n_candidates=trace.n_candidates,
        retrieval_ms=round(trace.retrieval_ms, 3),
        rerank_ms=round(trace.rerank_ms, 3),
    )


class Telemetry:
    """Metrics of one application, in a registry of its own unless there is one."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self._log = structlog.get_logger("marquee.request")
        self.registry = registry = registry or CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        counter, gauge = partial(Counter, registry=registry), partial(Gauge, registry=registry)
        histogram = partial(Histogram, registry=registry)
        seconds = partial(histogram, buckets=SECONDS)
        self.requests = counter("marquee_requests_total", "Requests answered.", ["route", "method", "status", MODEL])
        self.duration = seconds(
            "marquee_request_duration_seconds", "Seconds until an answer's last byte.", ["route", MODEL]
        )
        # Finding a series by its labels takes longer than counting.
        self._series = cache(
            lambda route, method, status, model: (
                self.requests.labels(route, method, status, model),
                self.duration.labels(route, model),
            )
        )
        self.inflight = gauge("marquee_inflight", "Requests in progress or in the queue, without probes.")
        self.limit = gauge("marquee_inflight_limit", "The most requests in progress in threads, by their latency.")
        self.shed = counter("marquee_shed_total", "Requests refused because of load.", ["reason"])
        self.recommendations = counter(
            "marquee_recommendations_total", "Recommendations by rung.", ["served_by", MODEL]
        )
        self.degraded = counter("marquee_degraded_total", "Degraded answers by reason.", ["reason", MODEL])
        self.candidates = histogram("marquee_candidates", "Re-ranked candidates per request.", buckets=CANDIDATES)
        self.retrieval = seconds("marquee_retrieval_duration_seconds", "Seconds for retrieval (stage one).")
        self.retrieval_calls = counter(
            "marquee_retrieval_calls_total", "Retrieval calls by result.", ["result", "target"]
        )
        self.retrieval_answers = seconds(
            "marquee_retrieval_call_duration_seconds", "Seconds of the retrieval calls with result `ok`.", ["target"]
        )
        self.rerank = seconds("marquee_rerank_duration_seconds", "Seconds for re-ranking (stage two).")
        self.bundle = gauge("marquee_bundle_info", "1 for the bundle in use.", ["version"])
        self.bundle_loads = counter("marquee_bundle_loads_total", "Attempts to load a bundle by result.", ["result"])
        self.store_reachable = gauge(
            "marquee_store_reachable", "1 if the last check of the store of bundles reached it, 0 if not."
        )
        self.shadow = counter(
            "marquee_shadow_total", "Questions to the shadow model by result.", ["result", "served_by", MODEL]
        )
        self.shadow_overlap = histogram(
            "marquee_shadow_overlap", "Share of a shown list that is in the shadow's too.", [MODEL], buckets=SHARES
        )
        self.shadow_duration = seconds("marquee_shadow_duration_seconds", "Seconds of a shadow's answer.", [MODEL])
        self.posters = counter("marquee_posters_total", "Requested posters by result.", ["result"])
        # Series of alerts exist from the start, since an alert on an absent series never fires.
        for reason in ("queue_full", "queue_timeout"):
            self.shed.labels(reason)
        for result in ("swapped", "refused", "fell_back"):
            self.bundle_loads.labels(result)
        for result in ("ok", "circuit_open", "timeout"):
            self.retrieval_calls.labels(result, "stable")

    def answered(self, fields: dict[str, Any], seconds: float) -> None:
        """Count an answered request by the fields of its log line, which get its time."""
        route, method, status = fields["route"], fields["method"], fields["status"]
        count, duration = self._series(route, method, str(status), fields["model_version"] or "")
        count.inc()
        duration.observe(seconds)
        fields["ms"] = round(seconds * 1e3, 3)

    def log(self, fields: dict[str, Any], failure: Exception | None) -> None:
        """Write a request's log line."""
        if failure:
            self._log.error("request", exc_info=failure, **fields)
        else:
            self._log.info("request", **fields)

    def recommended(self, response: RecommendationResponse, trace: Trace) -> None:
        """Count an answer with recommendations."""
        self.recommendations.labels(response.served_by, response.model_version).inc()
        for reason in response.degraded:
            self.degraded.labels(reason, response.model_version).inc()
        self.candidates.observe(trace.n_candidates)
        self.retrieval.observe(trace.retrieval_ms / 1e3)
        self.rerank.observe(trace.rerank_ms / 1e3)

    def retrieval_called(self, target: str, result: str, ms: float) -> None:
        """Count a call of retrieval to `stable` or `canary`; failures take no time, or all of it, and aren't timed."""
        self.retrieval_calls.labels(result, target).inc()
        if result == "ok":
            self.retrieval_answers.labels(target).observe(ms / 1e3)

    def bundle_checked(self, result: str, version: str | None) -> None:
        """Count a bundle that was loaded or refused; `version` is the one in use now."""
        self.bundle_loads.labels(result).inc()
        if version is not None:
            self.bundle.clear()
            self.bundle.labels(version).set(1)
            for rung in LADDER:
                self.recommendations.labels(rung, version)


def configure_logging(log_format: Literal["auto", "json", "console"] = "auto", stream: TextIO | None = None) -> bool:
    """Send all log lines, including the libraries', to one stream, by default standard output.

    `json` is one object per line; `auto` is console on a terminal and JSON elsewhere. Returns whether it is JSON.
    """
    stream = stream or sys.stdout
    as_json = log_format == "json" or (log_format == "auto" and not stream.isatty())
    time_stamper = structlog.processors.TimeStamper(fmt="iso" if as_json else "%H:%M:%S", utc=as_json)
    shared: list[Processor] = [structlog.processors.add_log_level, time_stamper]
    renderer: list[Processor] = [structlog.dev.ConsoleRenderer(colors=stream.isatty())]
    if as_json:
        renderer = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    # Our own lines don't pass through the standard library, which would take half of a request's time for logging.
    structlog.configure(
        processors=[*shared, *renderer],
        logger_factory=structlog.WriteLoggerFactory(stream),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    processors = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer]
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=processors))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    # We log the start ourselves, with the actual address.
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    return as_json
