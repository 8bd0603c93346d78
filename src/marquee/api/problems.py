"""Errors as RFC 9457 problems, and headers of every answer, for the HTTP server and Lambda alike."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from marquee.api.contracts import BODY_LIMITS, MAX_BODY_BYTES, Problem, response_json
from marquee.errors import MarqueeError, RequestError, UnknownMovie

MEDIA_TYPE = "application/problem+json"
NO_STORE = {"Cache-Control": "no-store"}
# Films only change with a new bundle; a cache of a minute saves a request per key pressed.
ONE_MINUTE = {"Cache-Control": "private, max-age=60"}
# A status's default code. docs/api.md lists all codes; a test compares the two.
CODES = {
    400: "not_json",
    401: "unauthorized",
    404: "not_found",
    405: "method_not_allowed",
    408: "too_slow",
    413: "too_long",
    415: "wrong_media_type",
    422: "invalid_field",
    431: "too_long",
    500: "internal",
    503: "overloaded",
}
# Detail of a 500.
INTERNAL = "this is a fault of ours, and logged under the request_id: please report it with that id"


class ProblemError(Exception):
    """Ends a request with a problem.

    `detail` is the error and its fix, `code` by default the status's own. `errors` are `field` and `message` of each
    invalid field; `headers` are added to the response.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        code: str = "",
        errors: Sequence[dict[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.code = code or CODES.get(status, "internal")
        self.errors = list(errors)
        self.headers = dict(headers or {})

    def body(self, request_id: str) -> bytes:
        """The problem as JSON."""
        problem = Problem(
            code=self.code,
            title=status_title(self.status),
            status=self.status,
            detail=self.detail,
            errors=self.errors,
            request_id=request_id,
        )
        return response_json(problem)


def check_length(n_bytes: int, path: str) -> None:
    """Raise a `ProblemError`, 413, if a body is too long for the path of its request."""
    limit = BODY_LIMITS.get(path, MAX_BODY_BYTES)
    if n_bytes > limit:
        raise too_long(limit)


def too_long(limit: int = MAX_BODY_BYTES) -> ProblemError:
    """Problem of a request whose body has more bytes than that: 413."""
    return ProblemError(413, f"the body is longer than {limit} bytes: send fewer ids or rows")


def status_title(status: int) -> str:
    """RFC 9110's name of a status; Python before 3.13 has older names for some."""
    return {413: "Content Too Large", 422: "Unprocessable Content"}.get(status) or HTTPStatus(status).phrase


def request_refused(error: MarqueeError) -> ProblemError:
    """Problem of a request that is well-formed but can't be answered: 404 or 422."""
    status = 404 if isinstance(error, UnknownMovie) else 422
    code = error.code if isinstance(error, RequestError) else ""
    return ProblemError(status, _sentence(error), code=code)


def not_ready(error: MarqueeError, retry_after: int) -> ProblemError:
    """Problem of a server without a bundle, for a reason: 503; clients may ask again after some seconds."""
    detail = f"waiting for a bundle, and ready by itself when there is one: {_sentence(error)}"
    return ProblemError(503, detail, code="not_ready", headers={"Retry-After": str(retry_after)})


def not_found(path: str) -> ProblemError:
    """Problem of a path without a route: 404."""
    return ProblemError(404, f"there is nothing at {path[:100]}: see /docs for what there is")


def too_slow(part: str, seconds: float) -> ProblemError:
    """Problem of a request of which a part, head or body, took too long to arrive: 408."""
    return ProblemError(408, f"the request's {part} did not arrive within {seconds:g} s: send it again, in one go")


def method_not_allowed(method: str, path: str, allowed: str) -> ProblemError:
    """Problem of a method that a path doesn't have: 405; `allowed` as in the header `Allow`."""
    detail = f"{method[:20]} is not possible at {path[:100]}: use {allowed}"
    return ProblemError(405, detail, headers={"Allow": allowed})


def security_headers(*, cross_origin: bool) -> dict[str, str]:
    """Headers of every answer; `cross_origin` if pages of other origins may read it."""
    headers = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
    return headers if cross_origin else headers | {"Cross-Origin-Resource-Policy": "same-origin"}


def _sentence(error: MarqueeError) -> str:
    return f"{error.message}: {error.fix}" if error.fix else error.message
