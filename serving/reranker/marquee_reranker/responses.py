"""Responses: JSON, JSON with an ETag, and problems for every expected exception."""

import hashlib
from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Scope

from marquee.api import problems
from marquee.api.contracts import response_json
from marquee.api.problems import NO_STORE, ONE_MINUTE, ProblemError
from marquee.api.queries import invalid_parameters
from marquee.errors import BundleError, RequestError
from marquee.pipeline import Pipeline
from marquee_reranker.requests import PATH, QUERIES
from marquee_reranker.telemetry import log_fields


def pipeline_of(request: Request) -> Pipeline:
    """The pipeline in use; `BundleError` if there is none. Called once per request, so that it uses one version."""
    pipeline: Pipeline = request.app.state.live.get()
    log_fields(request.scope)["model_version"] = pipeline.version
    return pipeline


def json_response(model: BaseModel, headers: Mapping[str, str] = NO_STORE) -> Response:
    """The model as JSON."""
    return Response(response_json(model), media_type="application/json", headers=dict(headers))


def cached_response(request: Request, model: BaseModel) -> Response:
    """The model as JSON that a browser may keep for a minute, then revalidate by its ETag."""
    return etag_response(request, response_json(model), "application/json", ONE_MINUTE)


def etag_response(request: Request, body: bytes, media_type: str, headers: Mapping[str, str]) -> Response:
    """The body with an ETag, weak since it may be compressed, or 304 if `If-None-Match` names it (RFC 9110, 13.1.2)."""
    etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
    headers = {**headers, "ETag": f"W/{etag}"}
    known = [entry.strip().removeprefix("W/") for entry in request.headers.get("if-none-match", "").split(",")]
    if "*" in known or etag in known:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=media_type, headers=headers)


def problem_response(scope: Scope, problem: ProblemError) -> Response:
    """A problem as a response; usable from ASGI middleware too."""
    body = problem.body(log_fields(scope)["request_id"])
    return Response(body, problem.status, {**NO_STORE, **problem.headers}, problems.MEDIA_TYPE)


def install_exception_handlers(app: FastAPI, retry_after: int) -> None:
    """Answer every expected exception with a problem; `retry_after`: seconds until a bundle may be there."""

    async def handle(request: Request, error: Exception) -> Response:
        match error:
            case ProblemError():
                problem = error
            case RequestError():
                problem = problems.request_refused(error)
            case BundleError():
                problem = problems.not_ready(error, retry_after)
            case RequestValidationError():
                problem = _invalid_parameters(request, error)
            case HTTPException():
                problem = _http_problem(request, error)
            case _:
                raise error
        return problem_response(request.scope, problem)

    for kind in (ProblemError, RequestError, BundleError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, handle)


def _invalid_parameters(request: Request, error: RequestValidationError) -> ProblemError:
    # Locations begin with "path" or "query"; bodies are validated by `requests.recommendation_request`.
    query = QUERIES.get(request.url.path.rsplit("/", 1)[-1], {})
    found = error.errors()
    return invalid_parameters(
        [({**one, "loc": one["loc"][1:]}, PATH if one["loc"][0] == "path" else query) for one in found]
    )


def _http_problem(request: Request, error: HTTPException) -> ProblemError:
    path = request.url.path
    if error.status_code == 404:
        return problems.not_found(path)
    if error.status_code == 405:
        routes = (route for route in request.app.state.routes if route.matches(request.scope)[0] is not Match.NONE)
        allowed = {method for route in routes for method in getattr(route, "methods", ())}
        return problems.method_not_allowed(request.method, path, ", ".join(sorted(allowed)))
    return ProblemError(error.status_code, str(error.detail), headers=error.headers)
