"""`POST /v1/explain`: what happens to a request in the two stages, for a picture of it."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from marquee.api.contracts import RecommendationRequest
from marquee.api.problems import NO_STORE
from marquee.inspect_request import RequestAccount, account
from marquee.pipeline import Trace
from marquee_reranker.bodies import recommendation_request
from marquee_reranker.openapi import RECOMMEND_BODY
from marquee_reranker.responses import json_answer, pipeline_of
from marquee_reranker.telemetry import facts_of

EXPLAIN_BODY: dict[str, Any] = {**RECOMMEND_BODY, "response_model": RequestAccount}

router = APIRouter()


@router.post("/v1/explain", operation_id="explain", **EXPLAIN_BODY)
def explain(request: Request, asked: Annotated[RecommendationRequest, Depends(recommendation_request)]) -> Response:
    """How an answer of `POST /v1/recommendations` to the same body comes about, film by film."""
    facts = facts_of(request.scope)
    facts.n_seeds = asked.n_seeds
    trace = Trace()
    told = account(pipeline_of(request), asked, request_id=facts.request_id, trace=trace)
    # Noted in the log line, but not counted: nobody was recommended anything.
    facts.served_by, facts.degraded, facts.trace = told.served_by, told.degraded, trace
    return json_answer(told, NO_STORE)
