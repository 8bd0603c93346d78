"""Container for SageMaker: `python -m aws.sagemaker.server serve` answers /ping and /invocations.

It runs the functions of inference.py without Java or torch, so it starts in a second; callers of a serverless endpoint
wait for that.
"""

import json
import logging
import re
import signal
import sys
from dataclasses import dataclass

import uvicorn

from aws.sagemaker.inference import JSON, input_fn, model_fn, predict_fn
from marquee.errors import ConfigError, MarqueeError
from marquee.retrieval.asgi import TOO_LONG, Message, Receive, Send, read_body, send_reply
from marquee.retrieval.service import RetrievalService
from marquee.retrieval.wire import MAX_BODY_BYTES, Reply
from marquee.settings import load_settings

# SageMaker sends SIGKILL 30 s after SIGTERM.
SHUTDOWN_SECONDS = 20

logger = logging.getLogger("marquee.sagemaker")
# The only header of a caller's that SageMaker hands on; marquee.retrieval.sagemaker writes it.
ATTRIBUTES = b"x-amzn-sagemaker-custom-attributes"
_ID = re.compile(rb"(?:^|; )X-Request-ID=([\x20-\x7e]{1,128}?)(?:; traceparent=|$)")


@dataclass(frozen=True)
class Container:
    """SageMaker's two routes as an ASGI application. Searches run on the event loop: a thread would take longer."""

    service: RetrievalService

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request: 200; 400 or 413 for a bad one; 404 for another route; 500 for a fault of ours."""
        match scope["method"], scope["path"]:
            case "GET", "/ping":
                reply = predict_fn(b"", self.service)  # a real search: a ping that only says "up" would lie
            case "POST", "/invocations":
                body = await read_body(receive)
                if body is None:
                    return
                reply = predict_fn(input_fn(body, JSON), self.service) if len(body) <= MAX_BODY_BYTES else TOO_LONG
                _log_refusal(reply, scope)
            case method, path:
                reply = Reply(404, {"error": f"nothing at {method} {path}; GET /ping and POST /invocations are served"})
        await send_reply(send, reply, with_content=scope["path"] != "/ping" or reply.status != 200)


def _log_refusal(reply: Reply, scope: Message) -> None:
    """Log the request id of a request that is not answered with 200; the Lambda function logs the others."""
    if reply.status == 200:
        return
    found = _ID.search(dict(scope["headers"]).get(ATTRIBUTES, b""))
    level = logging.WARNING if reply.status >= 500 else logging.INFO
    logger.log(level, "%d: X-Request-ID %s", reply.status, found[1].decode() if found else "unknown")


def main(arguments: list[str]) -> None:
    """Serve until SIGTERM; SageMaker starts every container with the argument `serve`.

    Raises:
        MarqueeError: Another argument, a bad setting, or a bundle that is missing or damaged.
    """
    if arguments != ["serve"]:
        raise ConfigError(f"arguments {json.dumps(arguments)}", fix="SageMaker's only one is serve")
    settings = load_settings()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    # uvicorn shuts down and then raises the signal again, which is no failure.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    uvicorn.run(
        Container(model_fn(settings.artifacts)),
        host=settings.host,
        port=settings.port,
        lifespan="off",
        access_log=False,
        server_header=False,
        log_config=None,
        timeout_keep_alive=75,  # longer than SageMaker's proxy
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except MarqueeError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
