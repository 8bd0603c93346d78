"""The application factory."""

import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import anyio.to_thread
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.gzip import GZipMiddleware

from marquee import __version__
from marquee.api.contracts import RecommendationRequest
from marquee.bundle.address import open_store
from marquee.bundle.bundle import Bundle
from marquee.bundle.watch import Live
from marquee.pipeline import Pipeline
from marquee.retrieval.port import Retriever
from marquee.settings import Settings
from marquee_reranker import openapi
from marquee_reranker.admission import Admission
from marquee_reranker.fast_lane import FastLane
from marquee_reranker.items import ItemsFollower
from marquee_reranker.middleware import Admit, Observe, Observer
from marquee_reranker.operations import Operations
from marquee_reranker.posters.fetch import Posters
from marquee_reranker.responses import install_exception_handlers
from marquee_reranker.routes import films, items, operations, page, recommend
from marquee_reranker.shadow import Shadow
from marquee_reranker.telemetry import Telemetry


def create_app(
    settings: Settings,
    *,
    telemetry: Telemetry | None = None,
    make_retriever: Callable[[Bundle], Retriever | None] = lambda _: None,
    wait: bool = True,
) -> FastAPI:
    """Create the ASGI application of API and page.

    `make_retriever` makes each bundle's source of candidates; None searches the bundle's own vectors in process. With
    `wait` the application starts when the store was read once; without, it answers probes meanwhile.
    Raises `ConfigError` if the key of TMDB is malformed.
    """
    telemetry = telemetry or Telemetry()

    def build(bundle: Bundle, retriever: Retriever | None = None) -> Pipeline:
        """Build a pipeline and let it answer once, so that errors occur while the old pipeline still serves."""
        pipeline = Pipeline(bundle, retriever)
        seeds = [int(movie) for movie in bundle.catalog.movie_ids[:3]]
        pipeline.recommend(RecommendationRequest(movie_ids=seeds, top_n=1, explain=True))
        pipeline.films.reader.read("like misspelt")  # builds the indexes of titles
        return pipeline

    store = open_store(settings.artifacts, settings.cache_dir)
    follow = partial(Live, store, interval=settings.reload_seconds)
    live: Live[Pipeline] = follow(
        model=settings.model,
        build=lambda bundle: build(bundle, make_retriever(bundle)),
        amend=ItemsFollower(store).amend if settings.items_seconds else lambda pipeline: pipeline,
        amend_seconds=settings.items_seconds,
        on_change=telemetry.bundle_checked,
    )
    telemetry.store_reachable.set_function(lambda: live.trouble is None)
    shadow = None
    if settings.shadow_model:
        shadow = Shadow(follow(model=settings.shadow_model, build=build), settings.shadow_share, telemetry)
    posters = Posters.from_settings(settings, lambda result: telemetry.posters.labels(result).inc())

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = settings.max_inflight
        await anyio.to_thread.run_sync(partial(live.start, wait=wait))
        if shadow:
            shadow.start()
        yield
        if shadow:
            await anyio.to_thread.run_sync(shadow.stop)
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
    app.state.settings, app.state.posters, app.state.store = settings, posters, store
    app.state.shadow = shadow
    app.state.operations = Operations(settings, telemetry, store, live)
    routers = [module.router for module in (films, recommend, items, page, operations)]
    app.state.routes = [route for router in routers for route in router.routes]
    for router in routers:
        app.include_router(router)
    install_exception_handlers(app, retry_after=math.ceil(settings.reload_seconds))
    openapi.install(app)
    places = partial(Admission, max_queue=settings.max_queue, queue_seconds=settings.queue_seconds)
    threads, loop = places(settings.max_inflight), places(1)
    telemetry.limit.set_function(lambda: threads.limit)
    telemetry.inflight.set_function(lambda: loop.n_present + threads.n_present)
    observer = Observer(telemetry, app.state.routes, cross_origin=bool(settings.cors_origins))
    app.state.fast_lane = FastLane(app.state, loop, observer)
    # From the innermost middleware to the outermost.
    app.add_middleware(GZipMiddleware, minimum_size=1024, compresslevel=5)
    app.add_middleware(Admit, telemetry=telemetry, read_seconds=settings.read_seconds, threads=threads)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Content-Type", "X-Request-ID"],
            expose_headers=["X-Request-ID", "Retry-After"],
        )
    app.add_middleware(Observe, observer=observer, root_path=settings.root_path)
    return app
