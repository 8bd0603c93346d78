"""Request bodies: read whole and bounded first, then parsed by `marquee.api.request_body`."""

from fastapi import Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from marquee.api.contracts import MAX_BODY_BYTES, RecommendationRequest
from marquee.api.problems import body_too_long
from marquee.api.request_body import parse_request, require_json
from marquee_reranker.problems import respond


class BodyLimit:
    """Holds requests back until their body is here, so that a slow sender takes no slot of the admission.

    Args:
        app: The layers within; they read the body from memory.
        max_bytes: A longer body gets 413 as soon as it is known to be longer.
    """

    def __init__(self, app: ASGIApp, max_bytes: int = MAX_BODY_BYTES) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take the body in, then hand on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = await self._read(scope, receive)
        if body is None:
            problem = body_too_long(self._max_bytes)
            problem.headers["Connection"] = "close"  # the rest is left unread, so it can't be used again
            await respond(scope, problem)(scope, receive, send)
            return
        replayed = False

        async def replay() -> Message:
            nonlocal replayed
            if replayed:
                return await receive()
            replayed = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, replay, send)

    async def _read(self, scope: Scope, receive: Receive) -> bytes | None:
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared) > self._max_bytes:
            return None
        body = b""
        while True:
            message = await receive()
            chunk: bytes = message.get("body", b"")
            if message["type"] == "http.disconnect":
                return body
            body += chunk
            if len(body) > self._max_bytes:
                return None
            if not message.get("more_body", False):
                return body


async def recommendation_request(request: Request) -> RecommendationRequest:
    """The parsed body.

    Raises:
        ProblemError: 415, 400 or 422.
    """
    require_json(request.headers.get("content-type", ""))
    return parse_request(await request.body())
