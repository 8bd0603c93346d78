"""A real request through the deployed API: green pings prove nothing, an answer from the first rung does."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any

from marquee.errors import MarqueeError


def smoke(url: str, movie_ids: Sequence[int], version: str, *, seconds: float = 300.0) -> str:
    """Ask until the endpoint itself has answered; a serverless one has to wake up first.

    Args:
        url: Of the API.
        movie_ids: Films of the bundle.
        version: The bundle that must answer.
        seconds: How long to go on asking.

    Returns:
        A line for people.

    Raises:
        MarqueeError: No answer of the first rung, or of another bundle.
    """
    ends = time.monotonic() + seconds
    body = json.dumps({"movie_ids": list(movie_ids), "top_n": 5}).encode()
    last = "nothing answered"
    while True:
        started = time.monotonic()
        try:
            status, answer = _post(f"{url}/v1/recommendations", body)
            served, found = answer.get("served_by"), answer.get("model_version")
            last = f"HTTP {status}, served by {served}, degraded {answer.get('degraded')}, bundle {found}"
            if (status, served, found) == (200, "two_tower", version) and len(answer["recommendations"]) == 5:
                bad, problem = _post(f"{url}/v1/recommendations", b"{}")
                if bad != 422 or problem.get("status") != 422:
                    raise MarqueeError(f"a bad request got HTTP {bad}, not our problem", fix="see the function's log")
                return f"{url} recommends from the endpoint, in {(time.monotonic() - started) * 1e3:.0f} ms"
        except (OSError, ValueError) as error:
            last = f"{type(error).__name__}: {error}"
        if time.monotonic() > ends:
            raise MarqueeError(f"the smoke test failed: {last}", fix="see the logs of function and endpoint")
        time.sleep(min(5.0, seconds / 10))


def _post(url: str, body: bytes) -> tuple[int, dict[str, Any]]:
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310 - the stack's output
    try:
        with urllib.request.urlopen(request, timeout=15) as answer:  # noqa: S310
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())
