"""Events as gateways and other callers send them, brought into the few shapes that Powertools reads."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import parse_qs, unquote_plus

from marquee.api.contracts import SEEDS
from marquee.api.probes import Alive
from marquee.api.root_path import without_root

Kind = Literal["http", "rest", "alb"]
SHORT = "/recommend"  # of events that name no path
JSON = {"content-type": "application/json"}
# Bytes of the whole answer, in which the body is a string of JSON; 16 KiB of it are left for headers.
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
LIMITS: dict[Kind, int] = {"http": 6 * 1024**2, "rest": 6 * 1024**2, "alb": 10**6}
ROOM = 16 * 1024
# Keys of pings that keep a function warm: EventBridge and serverless-plugin-warmup send `source`, others the rest.
PINGS = frozenset({"source", "warmer", "warmup", "keep_warm", "ping"})
REQUEST = frozenset({*SEEDS, "ratings", "people", "body", "httpMethod", "requestContext"})


@dataclass(frozen=True)
class Event:
    """An event in Powertools' shape.

    Attributes:
        kind: http (payload 2.0: HTTP APIs, function URLs), rest (1.0), alb.
        data: The event, its path without stage and root path, its body a text.
        query: Parameters with all their values, decoded.
        is_bare: Whether it was a request without an envelope, and gets an answer without one.
        is_head: Whether the method was HEAD, which is answered as GET, without the body.
    """

    kind: Kind
    data: dict[str, Any]
    query: Mapping[str, Sequence[str]]
    is_bare: bool
    is_head: bool

    @property
    def limit(self) -> int:
        """Largest number of bytes of an answer's body, as a string in JSON."""
        return LIMITS[self.kind] - ROOM


def ping_answer(event: Any) -> dict[str, Any] | None:
    """The answer to a ping that only keeps the function warm; None for everything else."""
    is_ping = isinstance(event, dict) and any(event.get(key) for key in PINGS) and not REQUEST & event.keys()
    return Alive().model_dump() if is_ping else None


def read_event(event: Any, root: str) -> Event:
    """Read an event of whatever shape; what is none at all is taken for a bare request, whose validation refuses it."""
    kind: Kind
    match event:
        case {"requestContext": {"elb": dict()}, "httpMethod": str(), "path": str()}:
            kind = "alb"
        case {"requestContext": {"http": {"method": str()}}, "rawPath": str()}:
            kind = "http"
        case {"httpMethod": str(), "path": str()}:
            kind = "rest"
        case {"body": body}:  # a test event, or an older caller's
            path = next((one for one in (event.get("rawPath"), event.get("path")) if isinstance(one, str)), SHORT)
            return _http(path, body, _headers(event), event.get("isBase64Encoded") is True, root)
        case _:
            return _http(SHORT, event, {}, False, root, is_bare=True)
    data = {**event, "headers": _headers(event)}
    if "multiValueHeaders" in data:
        data["multiValueHeaders"] = {name: _list(value) for name, value in _dict(event, "multiValueHeaders").items()}
    body, context = event.get("body"), _dict(event, "requestContext")
    if is_json := isinstance(body, dict | list | int | float):
        data |= {"body": json.dumps(body), "isBase64Encoded": False}
    if is_json or not context:  # made by hand
        data["headers"] = {**JSON, **data["headers"]}
    stage, given = context.get("stage"), event["rawPath" if kind == "http" else "path"]
    # Paths have a stage or have none, before or behind the root path, as the kind of API and its domain have it.
    below = (without_root(given, prefix) for prefix in (root, f"/{stage}", f"/{stage}{root}", f"{root}/{stage}"))
    path = next((rest for rest in below if rest != given), given)
    data |= {"path": path} if kind != "http" else {"rawPath": path}
    http = _dict(context, "http")
    method = str(http.get("method") if kind == "http" else event["httpMethod"]).upper()
    is_head = method == "HEAD"
    method = "GET" if is_head else method
    data |= {"requestContext": {**context, "stage": "$default", "http": {**http, "method": method, "path": path}}}
    data |= {} if kind == "http" else {"httpMethod": method}
    return Event(kind, data, _query(kind, event), is_bare=False, is_head=is_head)


def _http(path: str, body: Any, headers: Any, is_base64: bool, root: str, *, is_bare: bool = False) -> Event:
    """A POST with payload 2.0."""
    text = body if isinstance(body, str | None) and not is_bare else json.dumps(body)
    names = {str(name).lower() for name in headers}
    http = {"method": "POST", "path": path}
    data = {
        "rawPath": without_root(path, root),
        "requestContext": {"stage": "$default", "http": http},
        "headers": headers if "content-type" in names else {**headers, **JSON},
        "body": text,
        "isBase64Encoded": is_base64 and isinstance(body, str),
    }
    return Event("http", data, {}, is_bare, is_head=False)


def _query(kind: Kind, event: Mapping[str, Any]) -> Mapping[str, Sequence[str]]:
    if kind == "http":
        return parse_qs(str(event.get("rawQueryString") or ""), keep_blank_values=True)
    several, single = _dict(event, "multiValueQueryStringParameters"), _dict(event, "queryStringParameters")
    found = {name: _list(value) for name, value in {**single, **several}.items() if value is not None}
    if kind == "alb":  # API Gateway decodes, a load balancer doesn't
        return {unquote_plus(name): [*map(unquote_plus, values)] for name, values in found.items()}
    return found


def _headers(event: Mapping[str, Any]) -> dict[str, str]:
    return {name: ",".join(_list(value)) for name, value in _dict(event, "headers").items() if value is not None}


def _list(value: Any) -> list[str]:
    return [str(one) for one in (value if isinstance(value, list) else [value])]


def _dict(event: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = event.get(name)
    return found if isinstance(found, dict) else {}
