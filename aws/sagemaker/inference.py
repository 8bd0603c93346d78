"""What SageMaker's PyTorch serving toolkit calls: `marquee.retrieval.service` behind /invocations.

The archive (aws/build/model.py) has the bundle store at its root, and in code/ this file with the packages that it
needs: nothing is installed at start, so it works under network isolation. Our own image serves the store alone.

The toolkit runs input_fn, predict_fn and output_fn in turn. None of them may raise: the toolkit would answer with a
stack trace. A function may take one parameter more than the toolkit's documentation says, and then gets the context.
"""

import logging
from http import HTTPStatus
from pathlib import Path
from typing import Any

from marquee.errors import BundleError
from marquee.retrieval.service import Reply, RetrievalService

logger = logging.getLogger("marquee.sagemaker")

JSON = "application/json"
NEVER = 86_400.0  # seconds; /opt/ml/model doesn't change while a container lives
FAULT = Reply(500, {"error": "this is a fault of ours, and logged"})


def model_fn(model_dir: str) -> RetrievalService:
    """Load and verify the bundle, and answer once: what can't serve must not start.

    Args:
        model_dir: The unpacked archive, /opt/ml/model.

    Raises:
        BundleError: The bundle is missing or damaged.
    """
    service = RetrievalService(Path(model_dir), interval=NEVER)
    check = service.live.check()
    if check.version is None:
        raise check.error or BundleError(f"no bundle in {model_dir}", fix="build the archive with `make aws-build`")
    logger.info("bundle %s is loaded", check.version)
    return service


def input_fn(body: Any, content_type: str) -> bytes:  # noqa: ARG001 - whatever it claims to be, it is read as JSON
    """The body's bytes, unread: what is wrong with them is said by `marquee.retrieval.wire`.

    Args:
        body: Text where the toolkit decoded it (application/json), else bytes.
        content_type: As the client declared it.
    """
    raw = body.encode(errors="surrogatepass") if isinstance(body, str) else bytes(body or b"")
    # An empty body means a probe to our own servers; here it is a mistake, and no JSON either.
    return raw or b" "


def predict_fn(raw: bytes, service: RetrievalService) -> Reply:
    """The answer, with its status: 200, or 400 for a bad request."""
    try:
        return service.answer([raw])[0]
    except Exception:
        logger.exception("an answer failed")
        return FAULT


def output_fn(reply: Reply, accept: str, context: Any) -> tuple[bytes, str]:  # noqa: ARG001 - there is only JSON
    """The answer's bytes and type; its status goes through the context."""
    if reply.status != HTTPStatus.OK:
        logger.info("%d: %s", reply.status, reply.body["error"])
        context.set_response_status(code=reply.status, phrase=HTTPStatus(reply.status).phrase, idx=0)
    return reply.text(), JSON
