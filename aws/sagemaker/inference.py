"""Handlers for SageMaker's PyTorch serving toolkit: `marquee.retrieval.service` behind /invocations.

model.tar.gz (aws/build.py) has this file and its packages in code/. The toolkit calls input_fn, predict_fn, output_fn.
They must not raise, since it would answer with a stack trace. A function with an additional parameter gets the context.
"""

import logging
from http import HTTPStatus
from pathlib import Path
from typing import Any

from marquee.retrieval.service import RetrievalService
from marquee.retrieval.wire import Reply

logger = logging.getLogger("marquee.sagemaker")

JSON = "application/json"
NEVER = 86_400.0  # seconds; /opt/ml/model doesn't change while a container lives
FAULT = Reply(500, {"error": "this is a fault of ours, and logged"})


def model_fn(model_dir: str) -> RetrievalService:
    """Load the bundle in the unpacked archive; raises a BundleError if it is missing or damaged."""
    service = RetrievalService(Path(model_dir), interval=NEVER, as_bytes=False)  # SageMaker passes no headers on
    service.live.check()
    logger.info("bundle %s is loaded", service.live.get().version)
    return service


def input_fn(body: Any, content_type: str) -> bytes:  # noqa: ARG001 - whatever it claims to be, it is read as JSON
    """The body's bytes, which the toolkit decodes for application/json; `marquee.retrieval.wire` validates them."""
    raw = body.encode(errors="surrogatepass") if isinstance(body, str) else bytes(body or b"")
    return raw or b" "  # an empty body is an error here, not a probe


def predict_fn(raw: bytes, service: RetrievalService) -> Reply:
    """The reply: 200, or 400 for a bad request."""
    try:
        return service.answer([raw])[0]
    except Exception:
        logger.exception("an answer failed")
        return FAULT


def output_fn(reply: Reply, accept: str, context: Any) -> tuple[bytes, str]:  # noqa: ARG001 - there is only JSON
    """The reply's bytes and type; its status is set on the context."""
    if reply.status != HTTPStatus.OK:
        logger.info("%d: %s", reply.status, reply.body["error"])
        context.set_response_status(code=reply.status, phrase=HTTPStatus(reply.status).phrase, idx=0)
    return reply.text(), JSON
