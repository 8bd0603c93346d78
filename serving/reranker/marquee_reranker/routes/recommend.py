"""The API's routes. Those that compute are plain functions: they run in threads, so probes are never kept waiting."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response

from marquee.api.contracts import MovieList, RecommendationRequest, RecommendationResponse
from marquee.api.problems import NO_STORE, ProblemError, not_ready
from marquee.bundle.card import ModelCard
from marquee.errors import BundleError
from marquee.pipeline import Trace
from marquee_reranker.bodies import recommendation_request
from marquee_reranker.kept import kept_answer, kept_json
from marquee_reranker.openapi import RECOMMEND_BODY, problems_at
from marquee_reranker.requests import MovieIdInPath, SearchQuery, SimilarQuery
from marquee_reranker.responses import json_answer as _json
from marquee_reranker.responses import pipeline_of as _pipeline
from marquee_reranker.routes.card import card_of
from marquee_reranker.telemetry import facts_of

router = APIRouter()


class Alive(BaseModel):
    """The event loop answers."""

    status: str = "alive"


class Ready(BaseModel):
    """A bundle is loaded."""

    status: str = "ready"
    model_version: str


@router.post("/recommend", operation_id="recommend_by_short_name", **RECOMMEND_BODY)
@router.post("/v1/recommendations", operation_id="recommend", **RECOMMEND_BODY)
def recommend(request: Request, asked: Annotated[RecommendationRequest, Depends(recommendation_request)]) -> Response:
    """Recommend films for a few that somebody likes.

    `POST /recommend` is the short name of `POST /v1/recommendations`.
    """
    facts = facts_of(request.scope)
    facts.n_seeds = asked.n_seeds
    pipeline = _pipeline(request)
    trace = Trace()
    response: RecommendationResponse = pipeline.recommend(asked, request_id=facts.request_id, trace=trace)
    request.app.state.telemetry.recommended(facts, response, trace)
    return _json(response, NO_STORE)


@router.get("/v1/movies", operation_id="search_movies", response_model=MovieList, responses=problems_at(422, 503))
def search(request: Request, query: Annotated[SearchQuery, Query()]) -> Response:
    """Find films by title, the best match first; typos are seen through where nothing matches as it is written."""
    pipeline = _pipeline(request)
    movies = pipeline.films.search(query.q, query.limit)
    return kept_answer(request, MovieList(movies=movies, model_version=pipeline.version))


@router.get(
    "/v1/movies/{movie_id}/similar",
    operation_id="similar_movies",
    response_model=MovieList,
    responses=problems_at(404, 422, 503),
)
def similar(request: Request, movie_id: MovieIdInPath, query: Annotated[SimilarQuery, Query()]) -> Response:
    """Films like one film, whoever asks."""
    pipeline = _pipeline(request)
    movies = pipeline.films.similar(movie_id, query.top_n)
    return kept_answer(request, MovieList(movies=movies, model_version=pipeline.version))


@router.get("/v1/model", operation_id="model_card", response_model=ModelCard, responses=problems_at(503))
def about_the_model(request: Request) -> Response:
    """The model's card: what it is, how it was judged, what it is for, and where it falls short.

    It carries an `ETag`; asked with `If-None-Match`, it answers 304 while the bundle is the same.
    """
    return kept_json(request, *card_of(_pipeline(request)))


@router.get("/livez", operation_id="livez", response_model=Alive)
async def livez() -> Response:
    """Whether the process answers; anything else than 200 means: restart it."""
    return JSONResponse({"status": "alive"}, headers=NO_STORE)


@router.get("/readyz", operation_id="readyz", response_model=Ready, responses=problems_at(503))
async def readyz(request: Request) -> Response:
    """Whether to send requests here. Looks at our own bundle only: the retrieval tier's state never takes us out."""
    state = request.app.state
    if state.draining:
        detail = "shutting down: requests in flight are finished, send new ones elsewhere"
        raise ProblemError(503, detail, code="shutting_down")
    try:
        version = state.live.get().version
    except BundleError as error:
        raise not_ready(error, 1) from None
    return JSONResponse({"status": "ready", "model_version": version}, headers=NO_STORE)
