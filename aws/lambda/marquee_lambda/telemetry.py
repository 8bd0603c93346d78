"""One log line per request, and metrics as CloudWatch reads them out of the log (EMF). Every metric's name is here."""

import logging
from dataclasses import dataclass, field
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from marquee.api.contracts import RecommendationResponse
from marquee.pipeline import Trace

NAMESPACE = "Marquee"
SERVED_BY = {"two_tower": "ServedByTwoTower", "item_cf": "ServedByItemCf", "popularity": "ServedByPopularity"}


@dataclass
class Facts:
    """The fields of a request's log line, filled in while it is answered."""

    request_id: str = ""
    trace_id: str | None = None
    event: str = ""
    method: str = ""
    route: str = "unmatched"
    status: int = 0
    ms: float = 0.0
    served_by: str | None = None
    degraded: list[str] = field(default_factory=list)
    n_seeds: int | None = None
    model_version: str | None = None
    trace: Trace | None = None
    endpoint_ms: float | None = None
    endpoint: str | None = None

    def recommended(self, response: RecommendationResponse, trace: Trace) -> None:
        """Note an answer."""
        self.served_by, self.degraded, self.trace = response.served_by, response.degraded, trace

    @property
    def fell_back(self) -> bool:
        """Whether the endpoint was asked and couldn't be used. Seeds that nobody knows are no such thing."""
        return any(reason.startswith("retrieval_") for reason in self.degraded)


class Telemetry:
    """Logger and metrics of one environment.

    Their service, the metrics' one dimension, is POWERTOOLS_SERVICE_NAME: each further dimension would be billed.
    """

    def __init__(self) -> None:
        self.logger = Logger()
        self._metrics = Metrics(namespace=NAMESPACE)
        self._cold = True
        logging.getLogger("marquee").setLevel(logging.INFO)

    def record(self, facts: Facts, failure: Exception | None = None) -> None:
        """Write the line and the metrics. One blob of metrics per request: no buffer can be lost with a frozen one."""
        trace = facts.trace
        line: dict[str, Any] = {
            "request_id": facts.request_id,
            "trace_id": facts.trace_id,
            "event": facts.event,
            "method": facts.method,
            "route": facts.route,
            "status": facts.status,
            "ms": round(facts.ms, 3),
            "served_by": facts.served_by,
            "degraded": facts.degraded,
            "n_seeds": facts.n_seeds,
            "n_candidates": trace.n_candidates if trace else None,
            "retrieval_ms": round(trace.retrieval_ms, 3) if trace else None,
            "rerank_ms": round(trace.rerank_ms, 3) if trace else None,
            "endpoint": facts.endpoint,
            "endpoint_ms": None if facts.endpoint_ms is None else round(facts.endpoint_ms, 3),
            "model_version": facts.model_version,
            "cold_start": self._cold,
        }
        if failure is None:
            self.logger.info("request", extra=line)
        else:
            self.logger.error("request", extra=line, exc_info=failure)
        self._count(facts, failure)
        self._cold = False

    def _count(self, facts: Facts, failure: Exception | None) -> None:
        add = self._metrics.add_metric
        # Counts that alarms divide by each other are always there, zeros included.
        add("Requests", MetricUnit.Count, 1)
        add("Faults", MetricUnit.Count, int(failure is not None))
        add("InvalidRequests", MetricUnit.Count, int(400 <= facts.status < 500))
        if self._cold:
            add("ColdStarts", MetricUnit.Count, 1)
        if facts.trace is not None and facts.served_by is not None:
            add("Recommendations", MetricUnit.Count, 1)
            add("Fallbacks", MetricUnit.Count, int(facts.fell_back))
            add(SERVED_BY[facts.served_by], MetricUnit.Count, 1)
            add("Candidates", MetricUnit.Count, facts.trace.n_candidates)
            add("RetrievalMs", MetricUnit.Milliseconds, facts.trace.retrieval_ms)
            add("RerankMs", MetricUnit.Milliseconds, facts.trace.rerank_ms)
        if facts.endpoint_ms is not None:
            add("EndpointMs", MetricUnit.Milliseconds, facts.endpoint_ms)
        # Beside the metrics, not among them: to be searched for, and not billed.
        self._metrics.add_metadata("request_id", facts.request_id)
        self._metrics.add_metadata("degraded", facts.degraded)
        self._metrics.flush_metrics()
