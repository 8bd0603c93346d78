"""Answers that a browser may keep for a minute and ask about by their ETag."""

import hashlib

from fastapi import Request
from pydantic import BaseModel
from starlette.responses import Response

from marquee.api.contracts import response_json

# Films change with a new bundle only; a minute's staleness spares a request per key pressed.
BRIEFLY = {"Cache-Control": "private, max-age=60"}


def kept_answer(request: Request, model: BaseModel) -> Response:
    """The model's JSON, or 304 if the caller has it already."""
    body = response_json(model)
    return kept_json(request, body, weak_tag(body))


def weak_tag(body: bytes) -> str:
    """An ETag of a body; a weak one, since the same answer may come compressed or not (RFC 9110, 8.8.1)."""
    return f'W/"{hashlib.sha256(body).hexdigest()[:16]}"'


def kept_json(request: Request, body: bytes, tag: str) -> Response:
    """JSON of that ETag, or 304 if the caller has it already."""
    headers = {**BRIEFLY, "ETag": tag}
    if has_already(request, tag):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


def has_already(request: Request, tag: str) -> bool:
    """Whether `If-None-Match` names the tag; compared weakly, as RFC 9110 wants it (13.1.2)."""
    given = [entry.strip().removeprefix("W/") for entry in request.headers.get("if-none-match", "").split(",")]
    return "*" in given or tag.removeprefix("W/") in given
