"""One log line and one set of CloudWatch metrics (EMF, in the log) per request; all names of metrics are here."""

import logging
from dataclasses import asdict, dataclass, field

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

NAMESPACE = "Marquee"
SERVED_BY = {"two_tower": "ServedByTwoTower", "item_cf": "ServedByItemCf", "popularity": "ServedByPopularity"}


@dataclass
class Facts:
    """Fields of a request's log line; times in milliseconds."""

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
    n_candidates: int | None = None
    retrieval_ms: float = 0.0
    rerank_ms: float = 0.0
    model_version: str | None = None
    endpoint_ms: float | None = None
    endpoint: str | None = None


class Telemetry:
    """Logger and metrics. Each dimension is billed, so there is one: service, from POWERTOOLS_SERVICE_NAME."""

    def __init__(self) -> None:
        self.logger = Logger()
        self._metrics = Metrics(namespace=NAMESPACE)
        self._cold = True
        logging.getLogger("marquee").setLevel(logging.INFO)

    def record(self, facts: Facts, failure: Exception | None = None) -> None:
        """Write log line and metrics now: a frozen environment would lose buffered ones."""
        line = {name: round(value, 3) if isinstance(value, float) else value for name, value in asdict(facts).items()}
        line["cold_start"] = self._cold
        if facts.n_candidates is None:
            line |= {"retrieval_ms": None, "rerank_ms": None}
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
        if facts.n_candidates is not None and facts.served_by is not None:
            # The endpoint couldn't be used. Seeds that no model knows are no such thing.
            fell_back = any(reason.startswith("retrieval_") for reason in facts.degraded)
            add("Recommendations", MetricUnit.Count, 1)
            add("Fallbacks", MetricUnit.Count, int(fell_back))
            add(SERVED_BY[facts.served_by], MetricUnit.Count, 1)
            add("Candidates", MetricUnit.Count, facts.n_candidates)
            add("RetrievalMs", MetricUnit.Milliseconds, facts.retrieval_ms)
            add("RerankMs", MetricUnit.Milliseconds, facts.rerank_ms)
        if facts.endpoint_ms is not None:
            add("EndpointMs", MetricUnit.Milliseconds, facts.endpoint_ms)
        # Beside the metrics, not among them: to be searched for, and not billed.
        self._metrics.add_metadata("request_id", facts.request_id)
        self._metrics.add_metadata("degraded", facts.degraded)
        self._metrics.add_metadata("model_version", facts.model_version)
        self._metrics.flush_metrics()
