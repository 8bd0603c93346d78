"""Bodies to calls and answers to bodies: the protocol shows by itself, as `instances` or `inputs`."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from marquee.errors import RequestError
from marquee.retrieval.port import Candidates, Query
from marquee.retrieval.wire import v1, v2

Protocol = Literal["v1", "v2"]
MAX_BODY_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Call:
    """A parsed request to a retrieval server.

    Attributes:
        queries: At least one.
        protocol: Which the answer is written in as well.
        model_version: The bundle that the caller works with; "" if it doesn't say.
        call_id: Of a V2 request, returned in its answer.
    """

    queries: list[Query]
    protocol: Protocol = "v1"
    model_version: str = ""
    call_id: Any = None


def parse_call(body: bytes | dict[str, Any]) -> Call:
    """A server's reading of a request.

    Args:
        body: JSON, or what a server made of it already.

    Raises:
        RequestError: It isn't a request as docs/retrieval.md describes it.
    """
    if not isinstance(body, dict):
        if len(body) > MAX_BODY_BYTES:
            raise RequestError(f"the body has {len(body)} bytes", fix=f"send at most {MAX_BODY_BYTES}")
        try:
            body = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise RequestError(f"the body is not JSON: {error}", fix="send JSON in UTF-8") from None
    if not isinstance(body, dict) or ("instances" in body) == ("inputs" in body):
        raise RequestError("the body has neither instances (V1) nor inputs (V2), or both", fix="see docs/retrieval.md")
    if "instances" in body:
        return Call(v1.parse(body), "v1", _version(body))
    parameters = body.get("parameters") or {}
    if not isinstance(parameters, dict):
        raise RequestError("parameters is not an object", fix='send {"model_version": "..."} or nothing')
    return Call(v2.parse(body), "v2", _version(parameters), body.get("id"))


def _version(fields: dict[str, Any]) -> str:
    version = fields.get("model_version", "")
    if not isinstance(version, str):
        raise RequestError("model_version is not a string", fix="leave it out, or name a bundle's version")
    return version


def write_answer(call: Call, found: Sequence[Candidates]) -> dict[str, Any]:
    """A server's answer: one entry of `found` per query, all of one bundle."""
    return v1.render(found) if call.protocol == "v1" else v2.render(found, call.call_id)


def ask(query: Query, protocol: Protocol, model_version: str) -> bytes:
    """A client's request."""
    body = v1.ask(query, model_version) if protocol == "v1" else v2.ask(query, model_version)
    return json.dumps(body, separators=(",", ":")).encode()


def read_answer(body: bytes, protocol: Protocol, k: int) -> Candidates:
    """A client's reading of an answer to one query, which it doesn't trust.

    Raises:
        ValueError: It isn't one, or it can't be true.
    """
    try:
        answer = json.loads(body)
        found = v1.read(answer) if protocol == "v1" else v2.read(answer)
    except (KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from None
    ids, scores = found.movie_ids, found.scores
    if ids.ndim != 1 or ids.shape != scores.shape or len(ids) > k:
        raise ValueError(f"{ids.shape} ids and {scores.shape} scores for k = {k}")
    if len(np.unique(ids)) < len(ids) or not np.isfinite(scores).all():
        raise ValueError("an id comes twice, or a score is not a number")
    return found
