"""A retrieval server on the kserve package, for leaving TorchServe (docs/adr/0008). `python -m` starts it."""

import logging
import math
import signal
import sys
from dataclasses import dataclass
from typing import Any

from kserve import Model, ModelServer, model_server
from kserve.metrics import PREDICT_HIST_TIME, get_labels
from kserve.protocol.rest.server import RESTServer
from prometheus_client import start_http_server
from starlette.types import ASGIApp

from marquee.errors import MarqueeError
from marquee.listener import listen
from marquee.retrieval.asgi import TOO_LONG, Message, Receive, Send, read_body, send_reply
from marquee.retrieval.service import RetrievalService
from marquee.retrieval.wire import INPUTS, MAX_BODY_BYTES, MODEL_NAME, OUTPUTS, PATHS, Reply
from marquee.settings import Settings, load_settings
from marquee_torchserve.shortlist import start_service

PROBE = f"/predictions/{MODEL_NAME}"
POSTS = {*PATHS.values(), "/invocations", PROBE}
ALIVE = Reply(200, {"status": "Healthy"})


class RetrievalModel(Model):
    """Readiness and metadata of the model, for kserve's routes. Ready as soon as a bundle is loaded."""

    def __init__(self, service: RetrievalService) -> None:
        self._service = service
        super().__init__(MODEL_NAME)

    @property
    def ready(self) -> bool:
        """Whether a bundle is loaded, whatever kserve believes."""
        return self._service.live.ready

    @ready.setter
    def ready(self, value: bool) -> None:
        pass

    def load(self) -> bool:
        """Nothing to do: the service follows its store by itself."""
        return self.ready

    def get_input_types(self) -> list[dict[str, Any]]:
        """For the protocol's metadata."""
        return [
            {"name": name, "datatype": datatype, "shape": [-1, -1] if is_row else [-1]}
            for name, (is_row, datatype) in INPUTS.items()
        ]

    def get_output_types(self) -> list[dict[str, Any]]:
        """For the protocol's metadata."""
        return [
            {"name": name, "datatype": datatype, "shape": [-1] if name == "counts" else [-1, -1]}
            for name, datatype in OUTPUTS.items()
        ]


@dataclass(frozen=True)
class Application:
    """The routes of inference, TorchServe's and SageMaker's among them; all other routes are kserve's.

    kserve's own routes of inference parse, check and convert every tensor in Python, which took longer than the search.
    A search runs on the event loop: a thread's switch would take longer.
    """

    service: RetrievalService
    others: ASGIApp

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request: 200; 400 or 413 for a bad one; 503 without a bundle."""
        route = scope.get("method"), scope.get("path")
        if route == ("GET", PROBE):
            await send_reply(send, self._answer(b""))
        elif route == ("GET", "/ping"):
            await send_reply(send, ALIVE)
        elif route[0] == "POST" and route[1] in POSTS:
            body = await read_body(receive)
            if body is not None:  # an empty one is an error here, not a probe
                await send_reply(send, self._answer(body or b" ") if len(body) <= MAX_BODY_BYTES else TOO_LONG)
        else:
            await self.others(scope, receive, send)

    def _answer(self, body: bytes) -> Reply:
        with PREDICT_HIST_TIME.labels(**get_labels(MODEL_NAME)).time():
            return self.service.answer([body])[0]


def serve(settings: Settings) -> None:
    """Serve until a signal ends it."""
    service = start_service(settings)
    start_http_server(settings.metrics_port, settings.host)
    # Its `start` would refuse a model that waits for its first bundle, and listen on 0.0.0.0 without uvloop.
    kserve = ModelServer(enable_grpc=False)
    kserve.register_model(RetrievalModel(service))
    server = RESTServer(
        "kserve.model_server:app",
        kserve.dataplane,
        kserve.model_repository_extension,
        settings.port,
        timeout_keep_alive=math.ceil(settings.keep_alive_seconds),
    )
    server.config.app = Application(service, model_server.app)
    # One line per request is the re-ranker's business. uvicorn makes none if its logger has no handlers.
    access = logging.getLogger("uvicorn.access")
    access.handlers, access.propagate = [], False
    # uvicorn shuts down and then raises the signal again, which is no failure.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server.run([listen(settings.host, settings.port)])


if __name__ == "__main__":
    try:
        serve(load_settings())
    except MarqueeError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
