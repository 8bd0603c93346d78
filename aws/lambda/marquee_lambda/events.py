"""The three kinds of event, read into one form; and answers written back in the form that the kind wants."""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from marquee.api.problems import ProblemError

Kind = Literal["http", "rest", "bare"]


@dataclass(frozen=True)
class Asked:
    """A request, however it came.

    Attributes:
        kind: `http` is API Gateway's payload format 2.0, `rest` is 1.0, `bare` is a direct invocation.
        method: In capitals.
        path: Without the stage.
        headers: By their names in lower case.
        body: Undecoded text and base64 are seen through only when it is read (`read_body`).
    """

    kind: Kind
    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    is_base64: bool = False


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    body: bytes
    headers: Mapping[str, str]


def read_event(event: Any) -> Asked:
    """A request out of an event. Never raises: what is no gateway's event is a bare one."""
    if isinstance(event, dict):
        context = event.get("requestContext")
        if isinstance(context, dict) and isinstance(context.get("http"), dict):
            return _http(event, context)
        if isinstance(context, dict) and isinstance(event.get("httpMethod"), str):
            return _rest(event)
    headers = {"content-type": "application/json"}
    return Asked("bare", "POST", "/v1/recommendations", headers, json.dumps(event, ensure_ascii=False))


def read_body(asked: Asked) -> bytes:
    """The body's bytes.

    Raises:
        ProblemError: 400, where it claims to be base64 and isn't.
    """
    if not asked.is_base64:
        return asked.body.encode(errors="surrogatepass")
    try:
        return base64.b64decode(asked.body, validate=True)
    except (binascii.Error, ValueError):
        raise ProblemError(400, "the body is not base64, though isBase64Encoded says so: send it as it is") from None


def write_answer(asked: Asked, answer: Answer) -> dict[str, Any]:
    """What Lambda returns: for a gateway a response, for a bare event the body itself."""
    if asked.kind == "bare":
        body: dict[str, Any] = json.loads(answer.body)
        return body
    return {
        "statusCode": answer.status,
        "headers": dict(answer.headers),
        "body": answer.body.decode(),
        "isBase64Encoded": False,
    }


def _http(event: dict[str, Any], context: dict[str, Any]) -> Asked:
    path = _clean(event.get("rawPath")) or "/"
    stage = _text(context.get("stage"))
    if stage not in ("", "$default") and path.startswith(f"/{stage}/"):
        path = path.removeprefix(f"/{stage}")
    method = _clean(context["http"].get("method")) or "GET"
    return Asked("http", method.upper(), path, _headers(event), _text(event.get("body")), _is_base64(event))


def _rest(event: dict[str, Any]) -> Asked:
    path = _clean(event.get("path")) or "/"
    return Asked(
        "rest", _clean(event["httpMethod"]).upper(), path, _headers(event), _text(event.get("body")), _is_base64(event)
    )


def _headers(event: dict[str, Any]) -> dict[str, str]:
    # A REST API sends either of them, or both, or null.
    several, single = _map(event.get("multiValueHeaders")), _map(event.get("headers"))
    joined = {name: ", ".join(map(str, values)) for name, values in several.items() if isinstance(values, list)}
    given = {**joined, **single}
    return {str(name).lower(): str(value) for name, value in given.items() if value is not None}


def _map(value: Any) -> dict[Any, Any]:
    return value if isinstance(value, dict) else {}


def _is_base64(event: dict[str, Any]) -> bool:
    return event.get("isBase64Encoded") is True


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _clean(value: Any) -> str:
    """Text that can be said back in an answer: half a surrogate pair can't."""
    return _text(value).encode(errors="replace").decode()
