"""The application's answers to errors: `marquee.api.problems` over HTTP."""

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from marquee.api.problems import (
    MEDIA_TYPE,
    NO_STORE,
    ProblemError,
    method_not_allowed,
    not_found,
    not_ready,
    request_refused,
)
from marquee.api.request_body import summary, validation_messages
from marquee.errors import BundleError, RequestError
from marquee_reranker.requests import PATH, QUERIES
from marquee_reranker.telemetry import facts_of


def respond(scope: Scope, problem: ProblemError) -> Response:
    """The response for a problem; usable from bare ASGI middleware too."""
    body = problem.body(facts_of(scope).request_id)
    return Response(body, problem.status, {**NO_STORE, **problem.headers}, MEDIA_TYPE)


def install(app: FastAPI, retry_after: int) -> None:
    """Answer every expected error of the app with a problem.

    Args:
        app: The application.
        retry_after: Seconds after which a client may ask again while no bundle is loaded.
    """

    async def problem(request: Request, error: Exception) -> Response:
        match error:
            case ProblemError():
                return respond(request.scope, error)
            case RequestError():
                return respond(request.scope, request_refused(error))
            case BundleError():
                return respond(request.scope, not_ready(error, retry_after))
            case RequestValidationError():
                return respond(request.scope, _of_parameters(request, error))
            case HTTPException():
                return respond(request.scope, _of_http(request, error))
        raise error

    for kind in (ProblemError, RequestError, BundleError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, problem)


def _of_parameters(request: Request, error: RequestValidationError) -> ProblemError:
    # Locations begin with "path" or "query"; bodies are validated by our own dependency.
    query = QUERIES.get(request.url.path.rsplit("/", 1)[-1], {})
    told = []
    for entry in error.errors():
        schema = PATH if entry["loc"][0] == "path" else query
        told += validation_messages([{**entry, "loc": entry["loc"][1:]}], schema)
    return ProblemError(422, summary(told), errors=told)


def _of_http(request: Request, error: HTTPException) -> ProblemError:
    path = request.url.path
    if error.status_code == 404:
        return not_found(path)
    if error.status_code == 405:
        return method_not_allowed(request.method, path, (error.headers or {}).get("Allow", "another method"))
    return ProblemError(error.status_code, str(error.detail), headers=error.headers)
