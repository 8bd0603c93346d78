"""The smoke test: real requests to the deployed API, since health checks pass without a model."""

import json
import time
from collections.abc import Sequence
from typing import Any

import urllib3
from urllib3.exceptions import HTTPError

from marquee.errors import MarqueeError

JSON = {"Content-Type": "application/json"}
ATTEMPTS = 3  # of each request: a connection can break at any time
RETRIES = urllib3.Retry(ATTEMPTS - 1, allowed_methods=None, backoff_factor=0.1, respect_retry_after_header=False)


def smoke(url: str, movie_ids: Sequence[int], version: str, *, origin: str = "", seconds: float = 300.0) -> str:
    """Send requests until the endpoint itself answers (a serverless one starts first); returns a line for the user.

    `movie_ids` and `version` are of the bundle that must answer within `seconds`; CORS must allow `origin`, if given.

    Raises:
        MarqueeError: No answer from the endpoint with this version; a bad request is not refused; CORS refuses the
            origin; or the connection breaks repeatedly.
    """
    route = f"{url}/v1/recommendations"
    http = urllib3.PoolManager(timeout=15, retries=RETRIES)
    try:
        milliseconds = _first_rung(http, route, movie_ids, version, seconds)
        refusal = http.request("POST", route, body=b"{}", headers=JSON)
        if refusal.status != 422 or _object(refusal).get("status") != 422:
            raise MarqueeError(
                f"a bad request got HTTP {refusal.status} without a problem", fix="see the function's log"
            )
        if origin:
            asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
            preflight = http.request("OPTIONS", route, headers={"Origin": origin, **asked})
            if preflight.headers.get("access-control-allow-origin") != origin:
                raise MarqueeError(f"pages of {origin} may not ask", fix="CORS_ORIGINS=..., and see the API's log")
    except (HTTPError, ValueError) as error:
        raise MarqueeError(f"the smoke test failed: {error}", fix="see the logs of the API and the function") from None
    return f"{url} recommends from the endpoint, in {milliseconds:.0f} ms"


def _first_rung(http: urllib3.PoolManager, route: str, movie_ids: Sequence[int], version: str, seconds: float) -> float:
    """Duration in ms of the request that the endpoint answered."""
    ends = time.monotonic() + seconds
    body = json.dumps({"movie_ids": list(movie_ids), "top_n": 5}).encode()
    while True:
        started = time.monotonic()
        try:
            response = http.request("POST", route, body=body, headers=JSON)
            answer = _object(response)
        except (HTTPError, ValueError) as error:
            last = str(error)
        else:
            # model_version is the function's bundle; an endpoint that has another one is degraded: version_skew.
            rung, bundle, degraded = (answer.get(name) for name in ("served_by", "model_version", "degraded"))
            is_proof = response.status == 200 and (rung, bundle, degraded) == ("two_tower", version, [])
            if is_proof and len(answer["recommendations"]) == 5:
                return (time.monotonic() - started) * 1e3
            last = f"HTTP {response.status}, served by {rung}, degraded {degraded}, bundle {bundle}"
        if time.monotonic() > ends:
            raise MarqueeError(f"the smoke test failed: {last}", fix="see the logs of function and endpoint")
        time.sleep(min(5.0, seconds / 10))


def _object(response: urllib3.BaseHTTPResponse) -> dict[str, Any]:
    found = response.json()
    if not isinstance(found, dict):
        raise ValueError(f"{response.data[:100]!r} is no JSON object")
    return found
