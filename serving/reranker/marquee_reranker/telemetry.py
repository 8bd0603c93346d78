"""What a request leaves behind: its facts, one log line, and the metrics. Every metric's name is in this file."""

from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, PlatformCollector, ProcessCollector
from starlette.datastructures import Headers
from starlette.types import Scope

from marquee.api.contracts import RecommendationResponse
from marquee.api.request_context import RequestContext
from marquee.pipeline import Trace

# 0.5 ms to 1 s: a healthy request takes a few milliseconds, and a client has given up after a second.
SECONDS = (0.0005, 0.001, 0.002, 0.004, 0.008, 0.015, 0.03, 0.06, 0.125, 0.25, 0.5, 1.0)
CANDIDATES = (0, 10, 50, 100, 150, 200, 400, 1000)


@dataclass
class Facts:
    """A request's share of its log line; filled in on its way through the layers."""

    request_id: str
    trace_id: str | None = None
    route: str | None = None
    served_by: str | None = None
    degraded: list[str] = field(default_factory=list)
    n_seeds: int | None = None
    trace: Trace | None = None
    model_version: str | None = None
    shed: str | None = None


def new_facts(headers: Headers) -> tuple[Facts, RequestContext]:
    """Facts of a request and what is passed on with calls made for it: the client's ids where they can be trusted."""
    asked = RequestContext.from_headers(headers)
    return Facts(asked.request_id, trace_id=asked.trace_id or None), asked


def facts_of(scope: Scope) -> Facts:
    """The facts of the request that a scope belongs to."""
    facts: Facts = scope["state"]["facts"]
    return facts


class Telemetry:
    """The metrics of one application, in a registry of its own so that two applications never mix."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self.requests = Counter(
            "marquee_requests_total", "Requests answered.", ["route", "method", "status"], registry=registry
        )
        self.duration = Histogram(
            "marquee_request_duration_seconds",
            "From the request's head to the last byte of the answer.",
            ["route"],
            buckets=SECONDS,
            registry=registry,
        )
        self.inflight = Gauge("marquee_inflight", "Requests being worked on, probes left out.", registry=registry)
        self.shed = Counter("marquee_shed_total", "Requests refused because of load.", ["reason"], registry=registry)
        self.recommendations = Counter(
            "marquee_recommendations_total", "Recommendations by rung of the ladder.", ["served_by"], registry=registry
        )
        self.degraded = Counter(
            "marquee_degraded_total", "Reasons why answers were less than asked for.", ["reason"], registry=registry
        )
        self.candidates = Histogram(
            "marquee_candidates",
            "Candidates that were re-ranked, those that the item-item views added among them.",
            buckets=CANDIDATES,
            registry=registry,
        )
        self.retrieval = Histogram(
            "marquee_retrieval_duration_seconds", "Stage one.", buckets=SECONDS, registry=registry
        )
        self.retrieval_calls = Counter(
            "marquee_retrieval_calls_total", "Calls to the retrieval server by result.", ["result"], registry=registry
        )
        self.rerank = Histogram("marquee_rerank_duration_seconds", "Stage two.", buckets=SECONDS, registry=registry)
        self.bundle = Gauge("marquee_bundle_info", "1 for the bundle in use.", ["version"], registry=registry)
        self.bundle_loads = Counter(
            "marquee_bundle_loads_total", "Attempts to bring a bundle into use.", ["result"], registry=registry
        )
        self.posters = Counter("marquee_posters_total", "Posters asked for by result.", ["result"], registry=registry)
        # Series that alerts are built on exist from the start: an absent series never fires.
        for reason in ("queue_full", "queue_timeout"):
            self.shed.labels(reason)
        for result in ("swapped", "refused", "fell_back"):
            self.bundle_loads.labels(result)
        for result in ("ok", "circuit_open", "timeout"):
            self.retrieval_calls.labels(result)
        for rung in ("two_tower", "item_cf", "popularity"):
            self.recommendations.labels(rung)

    def recommended(self, facts: Facts, response: RecommendationResponse, trace: Trace) -> None:
        """Note an answer in its request's facts and in the metrics."""
        facts.served_by, facts.degraded, facts.trace = response.served_by, response.degraded, trace
        self.recommendations.labels(response.served_by).inc()
        for reason in response.degraded:
            self.degraded.labels(reason).inc()
        self.candidates.observe(trace.n_candidates)
        self.retrieval.observe(trace.retrieval_ms / 1e3)
        self.rerank.observe(trace.rerank_ms / 1e3)

    def retrieval_called(self, result: str) -> None:
        """Note a call to the retrieval server: "ok", or why not."""
        self.retrieval_calls.labels(result).inc()

    def poster_asked(self, result: str) -> None:
        """Note that a poster was asked for: "kept", "fetched", "none", or why not."""
        self.posters.labels(result).inc()

    def bundle_checked(self, result: str, version: str | None) -> None:
        """Note that a bundle was brought into use or refused, and which one serves now."""
        self.bundle_loads.labels(result).inc()
        if version is not None:
            self.bundle.clear()
            self.bundle.labels(version).set(1)
