"""Container for SageMaker: `python -m aws.sagemaker.server serve` answers /ping and /invocations.

It runs the functions of inference.py without Java or torch, so it starts in a second; callers of a serverless endpoint
wait for that.
"""

import json
import logging
import re
import signal
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

import uvicorn

from aws.sagemaker.inference import JSON, input_fn, model_fn, predict_fn
from marquee.errors import ConfigError, MarqueeError
from marquee.retrieval.service import Reply, RetrievalService
from marquee.settings import load_settings

# As TorchServe's (serving/torchserve/config.properties); SageMaker itself lets 4 MB pass, serverless, or 6.
MAX_BODY_BYTES = 1024 * 1024
# SageMaker sends SIGKILL 30 s after SIGTERM.
SHUTDOWN_SECONDS = 20

logger = logging.getLogger("marquee.sagemaker")
# The only header of a caller's that SageMaker hands on; marquee.retrieval.sagemaker writes it.
ATTRIBUTES = b"x-amzn-sagemaker-custom-attributes"
_ID = re.compile(rb"(?:^|; )X-Request-ID=([\x20-\x7e]{1,128}?)(?:; traceparent=|$)")

Message = MutableMapping[str, Any]


@dataclass(frozen=True)
class Container:
    """SageMaker's two routes as an ASGI application. Searches run on the event loop: a thread would take longer."""

    service: RetrievalService

    async def __call__(
        self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        """Answer one request: 200; 400 or 413 for a bad one; 404 for another route; 500 for a fault of ours."""
        match scope["method"], scope["path"]:
            case "GET", "/ping":
                reply = predict_fn(b"", self.service)  # a real search: a ping that only says "up" would lie
            case "POST", "/invocations":
                body = await _body(receive)
                if body is None:
                    return
                if len(body) > MAX_BODY_BYTES:
                    problem = f"the body is longer than {MAX_BODY_BYTES} bytes; send fewer instances"
                    reply = Reply(413, {"error": problem})
                else:
                    reply = predict_fn(input_fn(body, JSON), self.service)
                _log_refusal(reply, scope)
            case method, path:
                reply = Reply(404, {"error": f"nothing at {method} {path}; GET /ping and POST /invocations are served"})
        text = b"" if scope["path"] == "/ping" and reply.status == 200 else reply.text()
        headers = [(b"content-type", JSON.encode()), (b"content-length", str(len(text)).encode())]
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": text})


def _log_refusal(reply: Reply, scope: Message) -> None:
    """Log the request id of a request that is not answered with 200; the Lambda function logs the others."""
    if reply.status == 200:
        return
    found = _ID.search(dict(scope["headers"]).get(ATTRIBUTES, b""))
    level = logging.WARNING if reply.status >= 500 else logging.INFO
    logger.log(level, "%d: X-Request-ID %s", reply.status, found[1].decode() if found else "unknown")


async def _body(receive: Callable[[], Awaitable[Message]]) -> bytes | None:
    """The body, or its beginning if it is too long; None if the client has gone."""
    parts: list[bytes] = []
    size = 0
    while size <= MAX_BODY_BYTES:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if not message.get("more_body", False):
            break
    return b"".join(parts)


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
