"""Request bodies: taken in whole and bounded before anything else happens, then parsed."""

import re

from fastapi import Request
from pydantic import ValidationError
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from marquee.contracts import MAX_BODY_BYTES, RecommendationRequest
from serving.reranker.problems import ProblemError, respond
from serving.reranker.wording import in_words, summary

EXAMPLE = '{"tmdb_ids": [1585, 4935, 597], "top_n": 5}'
JSON = re.compile(r"application/(.+\+)?json")
SCHEMA = RecommendationRequest.model_json_schema()


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
            detail = f"the body is longer than {self._max_bytes} bytes: send at most 100 ids per list"
            # The rest is left unread, so the connection can't be used again.
            problem = ProblemError(413, detail, headers={"Connection": "close"})
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
    """The parsed body. Strict, since "0.5" for a number is a bug of the caller that should not stay hidden.

    Raises:
        ProblemError: 415, 400 or 422.
    """
    media_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if not JSON.fullmatch(media_type):
        declared = media_type[:60] or "of no declared type"
        raise ProblemError(415, f"the body is {declared}: send the header Content-Type: application/json")
    body = await request.body()
    if not body.strip():
        raise ProblemError(400, f"the body is empty: send a JSON object such as {EXAMPLE}")
    try:
        return RecommendationRequest.model_validate_json(body, strict=True)
    except ValidationError as error:
        errors = error.errors(include_url=False)
    if errors[0]["type"] == "json_invalid":
        why = str(errors[0]["ctx"]["error"])
        raise ProblemError(400, f"the body is not JSON ({why}): send an object such as {EXAMPLE}")
    told = in_words(errors, SCHEMA)
    raise ProblemError(422, summary(told), errors=told)
