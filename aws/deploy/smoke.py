"""A real request through the deployed API: green pings prove nothing, an answer from the first rung does."""

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from marquee.errors import MarqueeError

JSON = {"Content-Type": "application/json"}
ATTEMPTS = 3  # of what is asked once the endpoint has answered: a connection can break at any time
# No answer, or none in JSON. HTTPException is no OSError: a status line that is cut off, a body that is.
NO_ANSWER = (OSError, http.client.HTTPException, ValueError)


def smoke(url: str, movie_ids: Sequence[int], version: str, *, origin: str = "", seconds: float = 300.0) -> str:
    """Ask until the endpoint itself has answered; a serverless one has to wake up first.

    Args:
        url: Of the API.
        movie_ids: Films of the bundle.
        version: The bundle that must answer.
        origin: Whose pages must be allowed to ask; "" for nobody's.
        seconds: How long to go on asking.

    Returns:
        A line for people.

    Raises:
        MarqueeError: No answer of the first rung, or of another bundle, the function's or the endpoint's; a bad request
            isn't refused, or a page is; the connection breaks again and again.
    """
    route = f"{url}/v1/recommendations"
    milliseconds = _first_rung(route, movie_ids, version, seconds)
    status, problem, _ = _ask_again(route, b"{}", JSON)
    if status != 422 or problem.get("status") != 422:
        raise MarqueeError(f"a bad request got HTTP {status}, not our problem", fix="see the function's log")
    if origin:
        asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        _, _, headers = _ask_again(route, None, {**asked, "Access-Control-Request-Headers": "content-type"}, "OPTIONS")
        if headers.get("access-control-allow-origin") != origin:
            raise MarqueeError(f"pages of {origin} may not ask", fix="CORS_ORIGINS=..., and see the API's log")
    return f"{url} recommends from the endpoint, in {milliseconds:.0f} ms"


def _first_rung(route: str, movie_ids: Sequence[int], version: str, seconds: float) -> float:
    ends = time.monotonic() + seconds
    body = json.dumps({"movie_ids": list(movie_ids), "top_n": 5}).encode()
    while True:
        started = time.monotonic()
        try:
            status, answer, _ = _ask(route, body, JSON)
        except NO_ANSWER as error:
            last = f"{type(error).__name__}: {error}"
        else:
            if _is_proof(status, answer, version):
                return (time.monotonic() - started) * 1e3
            last = (
                f"HTTP {status}, served by {answer.get('served_by')}, degraded {answer.get('degraded')}, "
                f"bundle {answer.get('model_version')}"
            )
        if time.monotonic() > ends:
            raise MarqueeError(f"the smoke test failed: {last}", fix="see the logs of function and endpoint")
        time.sleep(min(5.0, seconds / 10))


def _is_proof(status: int, answer: Mapping[str, Any], version: str) -> bool:
    """Whether the first rung answered with all that was asked for, the endpoint's bundle being the function's."""
    told = (status, answer.get("served_by"), answer.get("model_version"))
    # `model_version` is the function's bundle; an endpoint that still has another one is degraded: version_skew.
    return told == (200, "two_tower", version) and answer.get("degraded") == [] and len(answer["recommendations"]) == 5


def _ask_again(
    url: str, body: bytes | None, headers: Mapping[str, str], method: str = "POST"
) -> tuple[int, dict[str, Any], dict[str, str]]:
    """As `_ask`, some times over where there is no answer.

    Raises:
        MarqueeError: There is none at all.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _ask(url, body, headers, method)
        except NO_ANSWER as error:
            if attempt == ATTEMPTS:
                raise MarqueeError(
                    f"the smoke test failed: no answer to {method} {url}: {type(error).__name__}: {error}",
                    fix="see the logs of the API and the function",
                ) from None
            time.sleep(0.2 * attempt)
    raise AssertionError("the last attempt returns or raises")


def _ask(
    url: str, body: bytes | None, headers: Mapping[str, str], method: str = "POST"
) -> tuple[int, dict[str, Any], dict[str, str]]:
    """Status, JSON body and headers by lower-case names; an empty body where there is no JSON."""
    request = urllib.request.Request(url, body, dict(headers), method=method)  # noqa: S310 - the stack's output
    try:
        with urllib.request.urlopen(request, timeout=15) as answer:  # noqa: S310
            return answer.status, _json(answer.read(), method), _lower(answer.headers.items())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, _json(error.read(), method), _lower(error.headers.items())


def _json(raw: bytes, method: str) -> dict[str, Any]:
    # A preflight's answer is its headers.
    found = {} if method == "OPTIONS" else json.loads(raw)
    if not isinstance(found, dict):
        raise ValueError(f"{raw[:100]!r} is no object of JSON")
    return found


def _lower(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers}
