"""A retrieval server on the kserve package, for leaving TorchServe (docs/adr/0008). `python -m` starts it."""

import logging
import math
import socket
import sys
import uuid
from functools import partial
from typing import Any

from kserve import InferRequest, InferResponse, Model, ModelServer, model_server
from kserve.errors import InvalidInput, ModelNotReady
from prometheus_client import start_http_server
from starlette.requests import Request
from starlette.responses import Response

from marquee.errors import MarqueeError
from marquee.listener import listen
from marquee.retrieval.service import Reply, RetrievalService
from marquee.retrieval.wire import INPUTS, MODEL_NAME, OUTPUTS
from marquee.settings import Settings, load_settings
from marquee_torchserve.shortlist import start_service


class RetrievalModel(Model):
    """Ready as soon as a bundle is loaded; until then it answers 503."""

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

    async def predict(self, payload: Any, headers: Any = None, response_headers: Any = None) -> Any:  # noqa: ARG002
        """Answer V1's dict with a dict, V2's request with a response. A search takes less than a thread's switch."""
        if not isinstance(payload, InferRequest):
            return _accepted(self._service.answer([_nonempty(payload)])[0]).body
        body, _ = payload.to_rest()
        fields = {
            key: value for key, value in body.items() if key in {"id", "inputs", "outputs", "parameters"} and value
        }
        answer = _accepted(self._service.answer([_nonempty(fields)])[0]).body
        return InferResponse.from_rest({**answer, "id": payload.id or uuid.uuid4().hex})

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


def _nonempty(body: Any) -> Any:
    """Make an empty body a bad request: on KServe's own routes it is no probe."""
    return body or {"": None}


def _accepted(reply: Reply) -> Reply:
    if reply.status == 400:
        raise InvalidInput(reply.body["error"])
    if reply.status != 200:
        raise ModelNotReady(MODEL_NAME, reply.body["error"])
    return reply


def add_routes(service: RetrievalService) -> None:
    """Add TorchServe's further routes: SageMaker's, and a probe that is a real search."""

    async def answer(request: Request) -> Response:
        body = await request.body() if request.method == "POST" else b""
        reply = service.answer([body])[0]
        return Response(reply.text(), reply.status, media_type="application/json")

    async def alive() -> Response:
        return Response(b'{"status": "Healthy"}', media_type="application/json")

    model_server.app.add_api_route("/invocations", answer, methods=["POST"])
    model_server.app.add_api_route(f"/predictions/{MODEL_NAME}", answer, methods=["GET", "POST"])
    model_server.app.add_api_route("/ping", alive, methods=["GET"])


class Server(ModelServer):
    """kserve's server on the address of the settings; its own is 0.0.0.0, always."""

    def __init__(self, listener: socket.socket, **options: Any) -> None:
        self._listener = listener
        super().__init__(**options)

    def setup_event_loop(self) -> None:
        """Called by `start` when the REST server is made and doesn't run yet."""
        server = self._rest_server._server
        server.serve = partial(server.serve, sockets=[self._listener])
        super().setup_event_loop()


def serve(settings: Settings) -> None:
    """Serve until a signal ends it."""
    service = start_service(settings)
    add_routes(service)
    start_http_server(settings.metrics_port, settings.host)
    options = {"workers": 1, "enable_grpc": False, "enable_latency_logging": False}
    keep_alive = math.ceil(settings.keep_alive_seconds)
    server = Server(listen(settings.host, settings.port), timeout_keep_alive=keep_alive, **options)
    # Registered by hand, since `start` would refuse a model that still waits for its first bundle.
    server.register_model(RetrievalModel(service))
    # One line per request is the re-ranker's business.
    for chatty in ("uvicorn.access", "kserve.trace"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    server.start([])


if __name__ == "__main__":
    try:
        serve(load_settings())
    except MarqueeError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
