"""Routes: recommendations, accounts, model card, probes. Those that compute run in threads: probes never wait."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.datastructures import State
from starlette.responses import Response

from marquee.api.contracts import SEEDS, RecommendationRequest, RecommendationResponse, response_json
from marquee.api.older_shape import OlderResponse, older_shape
from marquee.api.probes import Alive, Ready
from marquee.api.problems import ProblemError, not_ready
from marquee.api.request_body import parse_request
from marquee.bundle.card import ModelCard, model_card
from marquee.errors import BundleError, RequestError
from marquee.inspect_request import RequestAccount, account
from marquee.pipeline import Pipeline, Trace
from marquee_reranker.openapi import problems_at, with_request_body
from marquee_reranker.requests import recommendation_request
from marquee_reranker.responses import cached_response, json_response, pipeline_of
from marquee_reranker.telemetry import log_answer, log_fields

# Requests that are computed on the event loop, which answers nobody else meanwhile.
FAST_PATHS = ("/recommend", "/v1/recommendations")
FAST_FILMS, FAST_NAMED, FAST_TOP_N, FAST_BYTES = 100_000, 30, 30, 16_384

router = APIRouter()

RequestBody = Annotated[RecommendationRequest, Depends(recommendation_request)]


@router.post("/recommend", operation_id="recommend_by_short_name", **with_request_body(RecommendationResponse))
@router.post("/v1/recommendations", operation_id="recommend", **with_request_body(RecommendationResponse))
def recommend(request: Request, body: RequestBody) -> Response:
    """Recommend films for a few liked films.

    `POST /recommend` is the short name of `POST /v1/recommendations`.
    """
    return json_response(_answer(request, body))


@router.post("/v0/recommend", operation_id="recommend_in_older_shape", **with_request_body(OlderResponse))
def recommend_in_older_shape(request: Request, body: RequestBody) -> Response:
    """Recommend with titles such as `Some Movie (2006)` and genres such as `Drama|Fantasy`, for clients of old."""
    return json_response(older_shape(_answer(request, body)))


def recommend_fast(state: State, fields: dict[str, Any], media_type: str, body: bytes) -> bytes | None:
    """The JSON of `recommend`'s answer, where it takes about a millisecond; None for others, and for problems."""
    pipeline: Pipeline = state.live.get()
    try:
        request = parse_request(media_type, body, RecommendationRequest)
        limited = request.one_per_franchise or request.max_per
        slow = request.people or request.several_interests or limited or request.explain
        n_named = request.n_seeds + sum(len(getattr(request, f"disliked_{kind}")) for kind in SEEDS)
        if slow or n_named > FAST_NAMED or request.top_n > FAST_TOP_N:
            return None
        return response_json(_recommend(state, fields, pipeline, request))
    except (ProblemError, RequestError):
        return None  # the route answers with a problem


def can_be_fast(state: State) -> bool:
    """Whether there is a model, it retrieves in process, and its catalogue is small enough."""
    live = state.live
    return live.ready and live.get().ladder.in_process and len(live.get().catalog) <= FAST_FILMS


def _answer(request: Request, body: RecommendationRequest) -> RecommendationResponse:
    return _recommend(request.app.state, log_fields(request.scope), pipeline_of(request), body)


def _recommend(
    state: State, fields: dict[str, Any], pipeline: Pipeline, body: RecommendationRequest
) -> RecommendationResponse:
    fields.update(n_seeds=body.n_seeds, model_version=pipeline.version)
    trace = Trace()
    answer = pipeline.recommend(body, request_id=fields["request_id"], trace=trace)
    log_answer(fields, answer, trace)
    state.telemetry.recommended(answer, trace)
    if state.shadow:
        state.shadow.offer(body, answer)
    return answer


@router.post("/v1/explain", operation_id="explain", **with_request_body(RequestAccount))
def explain(request: Request, body: RequestBody) -> Response:
    """Account of the answer of `POST /v1/recommendations` to the same body, film by film."""
    fields = log_fields(request.scope)
    fields["n_seeds"] = body.n_seeds
    trace = Trace()
    answer = account(pipeline_of(request), body, request_id=fields["request_id"], trace=trace)
    log_answer(fields, answer, trace)  # but not counted, since nobody was recommended anything
    return json_response(answer)


@router.get("/v1/model", operation_id="model_card", response_model=ModelCard, responses=problems_at(503))
def about_the_model(request: Request) -> Response:
    """Model card: what the model is, how it was evaluated, what it is for, and its limits.

    The answer has an `ETag`; with `If-None-Match` it is 304 while the bundle is the same.
    """
    bundle = pipeline_of(request).bundle
    return cached_response(request, model_card(bundle.manifest, bundle.catalog.noun))


@router.get("/livez", operation_id="livez", response_model=Alive)
async def livez() -> Response:
    """Liveness probe: the process has to be restarted if the answer is not 200."""
    return json_response(Alive())


@router.get("/readyz", operation_id="readyz", response_model=Ready, responses=problems_at(503))
async def readyz(request: Request) -> Response:
    """Readiness probe: 200 if a bundle is loaded, whatever the state of the retrieval tier."""
    state = request.app.state
    if state.draining:
        detail = "shutting down: requests in flight are finished, send new ones elsewhere"
        raise ProblemError(503, detail, code="shutting_down")
    try:
        return json_response(Ready(model_version=state.live.get().version))
    except BundleError as error:
        raise not_ready(error, 1) from None
