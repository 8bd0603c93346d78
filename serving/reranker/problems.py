"""Errors as RFC 9457 problem bodies: each says what is wrong and names the fix."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from marquee.contracts import Problem, response_json
from marquee.errors import BundleError, MarqueeError, RequestError, UnknownMovie
from serving.reranker.queries import PATH, QUERIES
from serving.reranker.telemetry import facts_of
from serving.reranker.wording import in_words, summary

MEDIA_TYPE = "application/problem+json"


class ProblemError(Exception):
    """Ends a request with a problem.

    Args:
        status: HTTP status.
        detail: What is wrong, and the fix.
        errors: `field` and `message` of each invalid field.
        headers: Added to the response.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        errors: Sequence[dict[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = list(errors)
        self.headers = dict(headers or {})


def title_of(status: int) -> str:
    """RFC 9110's name of a status; Python before 3.13 has older names for some."""
    return {413: "Content Too Large", 422: "Unprocessable Content"}.get(status) or HTTPStatus(status).phrase


def respond(scope: Scope, problem: ProblemError) -> Response:
    """The response for a problem; usable from bare ASGI middleware too."""
    body = Problem(
        title=title_of(problem.status),
        status=problem.status,
        detail=problem.detail,
        errors=problem.errors,
        request_id=facts_of(scope).request_id,
    )
    headers = {"Cache-Control": "no-store", **problem.headers}
    return Response(response_json(body), problem.status, headers, MEDIA_TYPE)


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
            case UnknownMovie():
                return respond(request.scope, ProblemError(404, _sentence(error)))
            case RequestError():
                return respond(request.scope, ProblemError(422, _sentence(error)))
            case BundleError():
                headers = {"Retry-After": str(retry_after)}
                return respond(request.scope, ProblemError(503, not_ready(error), headers=headers))
            case RequestValidationError():
                return respond(request.scope, _of_parameters(request, error))
            case HTTPException():
                return respond(request.scope, _of_http(request, error))
        raise error

    for kind in (ProblemError, RequestError, BundleError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, problem)


def not_ready(error: MarqueeError) -> str:
    """What a server without a bundle says."""
    return f"waiting for a bundle, and ready by itself when there is one: {_sentence(error)}"


def _sentence(error: MarqueeError) -> str:
    return f"{error.message}: {error.fix}" if error.fix else error.message


def _of_parameters(request: Request, error: RequestValidationError) -> ProblemError:
    # Locations begin with "path" or "query"; bodies are validated by our own dependency.
    query = QUERIES.get(request.url.path.rsplit("/", 1)[-1], {})
    told = []
    for entry in error.errors():
        schema = PATH if entry["loc"][0] == "path" else query
        told += in_words([{**entry, "loc": entry["loc"][1:]}], schema)
    return ProblemError(422, summary(told), errors=told)


def _of_http(request: Request, error: HTTPException) -> ProblemError:
    path = request.url.path[:100]
    detail = str(error.detail)
    if error.status_code == 404:
        detail = f"there is nothing at {path}: see /docs for what there is"
    elif error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "another method")
        detail = f"{request.method[:20]} is not possible at {path}: use {allowed}"
    return ProblemError(error.status_code, detail, headers=error.headers)
