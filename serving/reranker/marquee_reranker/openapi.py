"""The OpenAPI document, as far as FastAPI can't derive it from the routes."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from marquee.api.contracts import Problem, RecommendationRequest
from marquee.api.items import Item
from marquee.api.problems import CODES, INTERNAL, MEDIA_TYPE, status_title, too_long, too_slow
from marquee.api.ratings import ResolveRequest

REF = "#/components/schemas/{model}"
DESCRIPTION = (
    "Recommends films from a few liked films. Every error is an RFC 9457 problem with a fix. Every answer has the "
    "header `X-Request-ID`, which is the request's own if it has one."
)
# Description and example of each problem.
_PROBLEMS = {
    400: ("The body is not JSON.", "the body is not JSON (EOF while parsing an object): send an object such as ..."),
    404: ("No such film.", "no film has the MovieLens id 999: search with /v1/movies?q="),
    408: ("The body came too slowly.", too_slow("body", 10).detail),
    413: ("The body is too long.", too_long().detail),
    415: ("Wrong media type.", "the body is text/plain: send the header Content-Type: application/json"),
    422: ("Invalid request; `errors` lists the fields.", "top_n: must be a whole number from 1 to 100, not 0"),
    500: ("Internal error.", INTERNAL),
    503: (
        "Overload, or no bundle yet; retry after `Retry-After` seconds.",
        "more requests than this server can answer in time: try again after 1 s, or add replicas",
    ),
}


def problem_at(status: int, description: str, detail: str) -> dict[int | str, dict[str, Any]]:
    """One entry of a route's `responses`: a problem, by its description and an example."""
    example = {
        "type": "about:blank",
        "code": "unknown_movie" if status == 404 else CODES[status],
        "title": status_title(status),
        "status": status,
        "detail": detail,
        "errors": [],
        "request_id": "5f0c8d6e2b9a4c7f",
    }
    content = {"schema": {"$ref": REF.format(model="Problem")}, "example": example}
    return {status: {"description": description, "content": {MEDIA_TYPE: content}}}


def problems_at(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that can answer with these problems, and with 500."""
    return {key: value for status in (*statuses, 500) for key, value in problem_at(status, *_PROBLEMS[status]).items()}


def with_request_body(
    response_model: type[BaseModel],
    body: type[BaseModel] = RecommendationRequest,
    others: Mapping[int | str, dict[str, Any]] = MappingProxyType({}),
) -> dict[str, Any]:
    """Arguments of a route that takes a body, which FastAPI doesn't see (`requests.py`)."""
    schema = {"$ref": REF.format(model=body.__name__)}
    return {
        "response_model": response_model,
        "responses": {**problems_at(400, 408, 413, 415, 422, 503), **others},
        "openapi_extra": {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}},
    }


def install(app: FastAPI) -> None:
    """Add to the app's document the schemas that no route declares."""

    def complete() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title,
                version=app.version,
                description=DESCRIPTION,
                routes=app.routes,
                license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
            )
            schemas = document["components"]["schemas"]
            for model in (RecommendationRequest, ResolveRequest, Item, Problem):
                schema = model.model_json_schema(ref_template=REF)
                schemas |= {**schema.pop("$defs", {}), model.__name__: schema}
            document["components"]["schemas"] = dict(sorted(schemas.items()))
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = complete  # type: ignore[method-assign]
