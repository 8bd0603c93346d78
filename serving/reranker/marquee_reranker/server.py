"""Runs the application and, on a port of its own, the metrics: `marquee serve`."""

import gc
import math
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType

import structlog
import uvicorn
from fastapi import FastAPI
from prometheus_client import CollectorRegistry, start_http_server
from threadpoolctl import threadpool_limits

from marquee.bundle.bundle import Bundle
from marquee.listener import listen, port_error, url_host
from marquee.retrieval.canary import CanaryRetriever
from marquee.retrieval.http import RetrievalClient
from marquee.retrieval.port import Retriever
from marquee.settings import Settings, usable_cores
from marquee_reranker.app import create_app
from marquee_reranker.protocol import LimitedProtocol
from marquee_reranker.telemetry import Telemetry, configure_logging
from marquee_reranker.workers import Workers

# Time to accept requests after SIGTERM, while /readyz says 503: load balancers notice it a little late.
DRAIN_SECONDS = 1.0
MOST_WORKERS = 4
SWITCH_SECONDS = 0.0005


class Server(uvicorn.Server):
    """uvicorn that turns unready before it stops listening, and ends with exit code 0."""

    _drain_until = math.inf
    _frozen: object = None  # the pipeline whose objects the garbage collector leaves out

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - uvicorn's signature
        """On SIGTERM drain; on Ctrl+C, or a second signal, stop at once."""
        self.config.app.state.draining = True  # type: ignore[union-attr]
        if sig == signal.SIGTERM and self._drain_until == math.inf:
            self._drain_until = time.monotonic() + DRAIN_SECONDS
        else:
            self.force_exit = self.should_exit
            self.should_exit = True

    async def on_tick(self, counter: int) -> bool:
        """Called ten times a second."""
        if time.monotonic() >= self._drain_until:
            self.should_exit = True
        live = self.config.app.state.live  # type: ignore[union-attr]
        if live.ready and live.get() is not self._frozen:
            # To look through a catalogue's objects takes up to a tenth of a second, in which nobody is answered.
            self._frozen = live.get()
            gc.unfreeze()
            gc.collect()
            gc.freeze()
        return await super().on_tick(counter)


def serve(settings: Settings) -> None:
    """Serve until a signal; raises `MarqueeError` if a port is taken, or the address is not this machine's."""
    as_json = configure_logging(settings.log_format)
    registry = CollectorRegistry()
    n_workers = settings.workers or min(usable_cores(), MOST_WORKERS)
    with listen(settings.host, settings.port) as listener, _metrics(settings, registry):
        _announce(settings, listener, as_json)
        if n_workers == 1:
            _serve(settings, listener, registry)
        else:
            workers = Workers(n_workers, partial(_serve_as_worker, settings), listener)
            registry.register(workers)
            workers.run()


def _serve_as_worker(settings: Settings, listener: socket.socket, registry: CollectorRegistry) -> None:
    configure_logging(settings.log_format)
    _serve(settings, listener, registry)


def _serve(settings: Settings, listener: socket.socket, registry: CollectorRegistry) -> None:
    # The event loop waits for Python's lock this long when a thread computes, at each round: 5 ms by default.
    sys.setswitchinterval(SWITCH_SECONDS)
    # Requests run in threads, below which OpenBLAS's own threads would make it a hundred times slower.
    threadpool_limits(settings.threads, user_api="blas")
    telemetry = Telemetry(registry)
    app = create_app(settings, telemetry=telemetry, make_retriever=_retrieval(settings, telemetry), wait=False)
    Server(server_config(app)).run(sockets=[listener])


def server_config(app: FastAPI) -> uvicorn.Config:
    """How uvicorn runs the application, with its limits on connections."""
    settings: Settings = app.state.settings
    limits = {"seconds": settings.read_seconds, "fast_lane": app.state.fast_lane}
    return uvicorn.Config(
        app,
        http=type("Protocol", (LimitedProtocol,), limits),
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=settings.keep_alive_seconds,  # type: ignore[arg-type] # goes to call_later
        timeout_graceful_shutdown=math.ceil(settings.shutdown_seconds),
    )


def _retrieval(settings: Settings, telemetry: Telemetry) -> Callable[[Bundle], Retriever | None]:
    """What makes a bundle's retriever, which asks the retrieval server; None where retrieval is in process."""
    stable_calls = partial(telemetry.retrieval_called, "stable")
    if settings.profile == "aws":
        from marquee.retrieval.sagemaker import SageMakerClient  # noqa: PLC0415 - a cluster's image has no boto3

        endpoint = SageMakerClient.of_settings(settings, workers=settings.max_inflight, on_result=stable_calls)
        return lambda bundle: endpoint.retriever(bundle.version)
    if not settings.retrieval_url:
        return lambda _: None
    client = partial(
        RetrievalClient,
        protocol=settings.retrieval_protocol,
        connect_seconds=settings.retrieval_connect_seconds,
        connection_seconds=settings.retrieval_connection_seconds,
        workers=settings.max_inflight,
    )
    stable = client(settings.retrieval_url, seconds=settings.retrieval_seconds, on_result=stable_calls)
    if not settings.retrieval_canary_url:
        return lambda bundle: stable.retriever(bundle.version)
    canary = client(
        settings.retrieval_canary_url,
        name="canary of retrieval",
        seconds=settings.retrieval_seconds / 2,
        on_result=partial(telemetry.retrieval_called, "canary"),
        same_version=True,
    )
    return lambda bundle: CanaryRetriever(
        stable.retriever(bundle.version),
        canary.retriever(bundle.version),
        share=settings.retrieval_canary_share,
        seconds=settings.retrieval_seconds,
    )


@contextmanager
def _metrics(settings: Settings, registry: CollectorRegistry) -> Iterator[None]:
    if not settings.metrics_port:
        yield
        return
    try:
        server, thread = start_http_server(settings.metrics_port, settings.host, registry)
    except OSError as error:
        raise port_error(error, settings.host, settings.metrics_port, "MARQUEE_METRICS_PORT") from None
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _announce(settings: Settings, listener: socket.socket, as_json: bool) -> None:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104 - compared, not bound
    url = f"http://{url_host(host)}:{listener.getsockname()[1]}"
    if as_json:
        log = structlog.get_logger("marquee.server")
        log.info("serving", url=url, metrics_port=settings.metrics_port, artifacts=settings.artifacts)
    else:
        print(f"Marquee is at {url}  (API: {url}/docs, Ctrl+C stops it)", flush=True)
