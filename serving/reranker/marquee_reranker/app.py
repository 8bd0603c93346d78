"""The application factory."""

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio.to_thread
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.gzip import GZipMiddleware

from marquee import __version__
from marquee.settings import Settings
from marquee_reranker import openapi, problems
from marquee_reranker.bodies import BodyLimit
from marquee_reranker.live import MakeRetriever, live_pipeline
from marquee_reranker.middleware.admission import Admission
from marquee_reranker.middleware.head import Head
from marquee_reranker.middleware.observe import Observe
from marquee_reranker.operations import Operations
from marquee_reranker.posters.fetch import Posters
from marquee_reranker.routes import explained, films, operations, page, recommend
from marquee_reranker.routes import posters as poster_routes
from marquee_reranker.telemetry import Telemetry


def create_app(
    settings: Settings,
    *,
    telemetry: Telemetry | None = None,
    make_retriever: MakeRetriever = lambda _: None,
) -> FastAPI:
    """The API and the page, as one ASGI application.

    Args:
        settings: From `marquee.settings.load_settings`.
        telemetry: Where to count; new metrics if left out.
        make_retriever: Where candidates of a bundle come from; by default the bundle itself, in process.

    Raises:
        ConfigError: The key of TMDB can't be one.
    """
    telemetry = telemetry or Telemetry()
    live = live_pipeline(
        settings.artifacts_dir,
        make_retriever=make_retriever,
        interval=settings.reload_seconds,
        on_change=telemetry.bundle_checked,
    )
    posters = Posters.of_settings(settings, telemetry.poster_asked)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = settings.max_inflight
        await anyio.to_thread.run_sync(live.start)
        yield
        await anyio.to_thread.run_sync(live.stop)
        if posters:
            posters.close()

    app = FastAPI(
        title="Marquee",
        version=__version__,
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.telemetry, app.state.live, app.state.draining = telemetry, live, False
    app.state.settings, app.state.operations = settings, Operations(settings, telemetry, live)
    app.state.posters = posters
    routers = [module.router for module in (films, recommend, page, explained, operations, poster_routes)]
    for router in routers:
        app.include_router(router)
    problems.install(app, retry_after=math.ceil(settings.reload_seconds))
    openapi.install(app)
    # From the innermost layer to the outermost.
    app.add_middleware(Head)
    app.add_middleware(
        Admission,
        telemetry=telemetry,
        max_inflight=settings.max_inflight,
        max_queue=settings.max_queue,
        queue_seconds=settings.queue_seconds,
    )
    app.add_middleware(BodyLimit)
    app.add_middleware(GZipMiddleware, minimum_size=1024, compresslevel=5)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Content-Type", "X-Request-ID"],
            expose_headers=["X-Request-ID", "Retry-After"],
        )
    app.add_middleware(
        Observe,
        telemetry=telemetry,
        routes=[route for router in routers for route in router.routes],
        cross_origin=bool(settings.cors_origins),
    )
    return app
