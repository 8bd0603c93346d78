"""What can go wrong when one asks a server."""

from typing import Any

from pydantic import ValidationError

from marquee.api.contracts import Problem
from marquee.errors import MarqueeError


class Unreachable(MarqueeError):  # noqa: N818 - names the state
    """Nobody answers at the address, or not in time."""


class ApiError(MarqueeError):
    """The server answered with a problem.

    Attributes:
        status: HTTP status.
        code: One word of the closed list in docs/api.md; "" where the answer is no problem of ours, such as a proxy's.
        detail: What is wrong, and the fix.
        errors: `field` and `message` of each invalid field.
        request_id: To find the request in the server's log.
    """

    def __init__(self, problem: Problem) -> None:
        message, _, fix = problem.detail.partition(": ")
        super().__init__(message, fix=fix)
        self.status = problem.status
        self.code = problem.code
        self.detail = problem.detail
        self.errors = problem.errors
        self.request_id = problem.request_id


class ServerUnavailable(ApiError):  # noqa: N818 - as above
    """503, the second time too: too much load, no bundle yet, or about to end."""


def unreachable(base_url: str, error: Exception) -> Unreachable:
    """What both clients say where no answer came."""
    return Unreachable(
        f"no answer from {base_url} ({type(error).__name__}: {error})",
        fix="check that the server runs and that base_url is its address",
    )


def error_of(status: int, body: bytes, headers: Any) -> ApiError:
    """The error that an answer says.

    Args:
        status: HTTP status, 400 or more.
        body: A problem, unless something in between answered.
        headers: For the request id.
    """
    try:
        problem = Problem.model_validate_json(body)
    except ValidationError:
        text = body[:200].decode(errors="replace")
        detail = f"the answer is {status} and no problem of Marquee's ({text}): look at what stands before the server"
        asked = headers.get("x-request-id", "")
        problem = Problem(code="", title="", status=status, detail=detail, request_id=asked)
    return ServerUnavailable(problem) if status == 503 else ApiError(problem)
