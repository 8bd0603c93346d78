"""TorchServe's handler: batches, parsed and answered by `marquee.retrieval.service`.

It loads safetensors out of the mounted bundle; nothing is unpickled, and the archive (.mar) holds code only. Neither
KServe's wrapper nor a service envelope is in between: an envelope takes a batch's first request and drops the rest.
"""

import logging
from http import HTTPStatus
from typing import Any

from ts.metrics.metric_type_enum import MetricTypes

from marquee.retrieval.service import RetrievalService
from marquee.settings import load_settings
from marquee_torchserve.shortlist import start_service

logger = logging.getLogger("marquee.torchserve")


class RetrievalHandler:
    """One per worker. TorchServe calls `initialize` once and `handle` once per batch."""

    def __init__(self) -> None:
        self.service: RetrievalService | None = None
        self._metrics: Any = None

    def initialize(self, context: Any) -> None:
        """Load the bundle and go on following the store. Without a bundle, answers are 503 until there is one."""
        settings = load_settings()
        # TorchServe logs a line per batch on the root logger; its metrics are lines of the logger `ts`.
        logging.getLogger().setLevel(logging.WARNING)
        for name in ("ts", "marquee"):
            logging.getLogger(name).setLevel(logging.INFO)
        self._metrics = context.metrics
        self.service = start_service(settings)

    def handle(self, rows: list[dict[str, Any]], context: Any) -> list[bytes]:
        """One answer per row, each with its own status."""
        if self.service is None:
            raise RuntimeError("handle was called before initialize")
        self._metrics.add_metric("MarqueeBatchSize", len(rows), unit="count", metric_type=MetricTypes.HISTOGRAM)
        replies = self.service.answer([_body(row) for row in rows])
        contents = []
        for index, reply in enumerate(replies):
            content, headers = reply.encode()
            contents.append(content)
            # TorchServe takes the type from the header in this spelling.
            headers["content-type"] = headers.pop("Content-Type")
            if request_id := context.get_request_header(index, "X-Request-ID"):
                headers["X-Request-ID"] = request_id
            for name, value in headers.items():
                context.set_response_header(index, name, value)
            if reply.status != 200:
                context.set_response_status(code=reply.status, phrase=HTTPStatus(reply.status).phrase, idx=index)
                logger.info("request %s: %d %s", request_id, reply.status, reply.body["error"])
        return contents


def _body(row: dict[str, Any]) -> bytes:
    """A request's body: empty for a probe (GET), and for a form what can't be JSON."""
    if not row:
        return b""
    body = row.get("body", row.get("data"))
    return bytes(body) if isinstance(body, (bytes, bytearray)) else b"(a form; send Content-Type: application/json)"
