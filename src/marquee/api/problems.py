"""Errors as RFC 9457 problem bodies, for every way in: each says what is wrong and names the fix."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from marquee.api.contracts import MAX_BODY_BYTES, Problem, response_json
from marquee.errors import MarqueeError, RequestError, UnknownMovie

MEDIA_TYPE = "application/problem+json"
NO_STORE = {"Cache-Control": "no-store"}
# The code of a status where the problem names none of its own. docs/api.md lists them all, and tests hold it to that.
CODES = {
    400: "not_json",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_long",
    415: "wrong_media_type",
    422: "invalid_field",
    500: "internal",
    503: "overloaded",
}


class ProblemError(Exception):
    """Ends a request with a problem.

    Args:
        status: HTTP status.
        detail: What is wrong, and the fix.
        code: For programs; left out, what `CODES` has for the status.
        errors: `field` and `message` of each invalid field.
        headers: Added to the response.
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
        """The problem as JSON, the same bytes in every runtime."""
        problem = Problem(
            code=self.code,
            title=title_of(self.status),
            status=self.status,
            detail=self.detail,
            errors=self.errors,
            request_id=request_id,
        )
        return response_json(problem)


def title_of(status: int) -> str:
    """RFC 9110's name of a status; Python before 3.13 has older names for some."""
    return {413: "Content Too Large", 422: "Unprocessable Content"}.get(status) or HTTPStatus(status).phrase


def refused(error: MarqueeError) -> ProblemError:
    """What the pipeline says of a request that it can't answer as asked."""
    status = 404 if isinstance(error, UnknownMovie) else 422
    code = error.code if isinstance(error, RequestError) else ""
    return ProblemError(status, _sentence(error), code=code)


def not_ready(error: MarqueeError, retry_after: int) -> ProblemError:
    """What a server without a bundle says.

    Args:
        error: Why there is none.
        retry_after: Seconds after which a client may ask again.
    """
    detail = f"waiting for a bundle, and ready by itself when there is one: {_sentence(error)}"
    return ProblemError(503, detail, code="not_ready", headers={"Retry-After": str(retry_after)})


def fault() -> ProblemError:
    """What is said of an error that nobody expected."""
    return ProblemError(500, "this is a fault of ours, and logged under the request_id: please report it with that id")


def too_long(limit: int = MAX_BODY_BYTES) -> ProblemError:
    """What is said of a body of more bytes than that."""
    return ProblemError(413, f"the body is longer than {limit} bytes: send at most 100 ids per list")


def nothing_at(path: str) -> ProblemError:
    """What is said of a path that leads nowhere."""
    return ProblemError(404, f"there is nothing at {path[:100]}: see /docs for what there is")


def not_possible(method: str, path: str, allowed: str) -> ProblemError:
    """What is said of a method that a path doesn't have; `allowed` as the header `Allow` has it."""
    detail = f"{method[:20]} is not possible at {path[:100]}: use {allowed}"
    return ProblemError(405, detail, headers={"Allow": allowed})


def _sentence(error: MarqueeError) -> str:
    return f"{error.message}: {error.fix}" if error.fix else error.message
