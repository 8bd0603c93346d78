"""A real request through the deployed API: green pings prove nothing, an answer from the first rung does."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from marquee.errors import MarqueeError

JSON = {"Content-Type": "application/json"}


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
        MarqueeError: No answer of the first rung, or of another bundle; a bad request isn't refused, or a page is.
    """
    route = f"{url}/v1/recommendations"
    milliseconds = _first_rung(route, movie_ids, version, seconds)
    status, problem, _ = _ask(route, b"{}", JSON)
    if status != 422 or problem.get("status") != 422:
        raise MarqueeError(f"a bad request got HTTP {status}, not our problem", fix="see the function's log")
    if origin:
        asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        _, _, headers = _ask(route, None, {**asked, "Access-Control-Request-Headers": "content-type"}, "OPTIONS")
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
        except (OSError, ValueError) as error:
            last = f"{type(error).__name__}: {error}"
        else:
            served, found = answer.get("served_by"), answer.get("model_version")
            if (status, served, found) == (200, "two_tower", version) and len(answer["recommendations"]) == 5:
                return (time.monotonic() - started) * 1e3
            last = f"HTTP {status}, served by {served}, degraded {answer.get('degraded')}, bundle {found}"
        if time.monotonic() > ends:
            raise MarqueeError(f"the smoke test failed: {last}", fix="see the logs of function and endpoint")
        time.sleep(min(5.0, seconds / 10))


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
    return {} if method == "OPTIONS" else dict(json.loads(raw))


def _lower(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers}
