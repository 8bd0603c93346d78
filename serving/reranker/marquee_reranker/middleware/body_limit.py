"""Limit on request bodies."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from marquee.api.contracts import MAX_BODY_BYTES
from marquee.api.problems import BODY_TOO_LONG, ProblemError
from marquee_reranker.responses import problem_response


class BodyLimit:
    """Reads the whole body before the request goes on, so that a slow sender takes no slot of the admission.

    A body of more than MAX_BODY_BYTES is answered with 413 as soon as it is known to be longer.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Buffer the body, then call the inner application."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = await _read(scope, receive)
        if body is None:
            # The rest stays unread, so the connection can't be used again.
            problem = ProblemError(413, BODY_TOO_LONG, headers={"Connection": "close"})
            await problem_response(scope, problem)(scope, receive, send)
            return
        buffered: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return buffered.pop() if buffered else await receive()

        await self._app(scope, replay, send)


async def _read(scope: Scope, receive: Receive) -> bytes | None:
    """The body; None if it is too long."""
    declared = Headers(scope=scope).get("content-length", "")
    if declared.isdecimal() and int(declared) > MAX_BODY_BYTES:
        return None
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)  # a disconnect has neither
        if len(body) > MAX_BODY_BYTES:
            return None
    return body
