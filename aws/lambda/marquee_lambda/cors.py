"""CORS, as Starlette's middleware does it for the API: for REST APIs and function URLs.

An HTTP API that has CORS configured answers preflights itself and drops these headers from our answers.
"""

from collections.abc import Mapping, Sequence

from marquee_lambda.events import Answer, Asked

METHODS = ("GET", "POST")
HEADERS = ("Content-Type", "X-Request-ID")
EXPOSED = ("X-Request-ID", "Retry-After")
_ALWAYS_ALLOWED = ("Accept", "Accept-Language", "Content-Language")
_ASKED = "Access-Control-Request-"
_VARY = ", ".join(("Origin", f"{_ASKED}Method", f"{_ASKED}Headers", f"{_ASKED}Private-Network"))
_TEXT = {"Content-Type": "text/plain; charset=utf-8"}


def preflight(asked: Asked, origins: Sequence[str]) -> Answer | None:
    """The answer to a preflight; None for any other request, or where no origin is allowed at all."""
    origin = asked.headers.get("origin")
    method = asked.headers.get("access-control-request-method")
    if not origins or asked.method != "OPTIONS" or origin is None or method is None:
        return None
    wanted = asked.headers.get("access-control-request-headers", "")
    allowed = sorted({*_ALWAYS_ALLOWED, *HEADERS})
    known = {name.lower() for name in allowed}
    refused = [
        what
        for what, wrong in (
            ("origin", origin not in origins),
            ("method", method not in METHODS),
            ("headers", any(name.strip().lower() not in known for name in wanted.split(",") if wanted)),
            ("private-network", "access-control-request-private-network" in asked.headers),
        )
        if wrong
    ]
    headers = {
        "Vary": _VARY,
        "Access-Control-Allow-Methods": ", ".join(METHODS),
        "Access-Control-Max-Age": "600",
        "Access-Control-Allow-Headers": ", ".join(allowed),
    }
    if "origin" not in refused:
        headers["Access-Control-Allow-Origin"] = origin
    if refused:
        return Answer(400, f"Disallowed CORS {', '.join(refused)}".encode(), {**headers, **_TEXT})
    return Answer(200, b"OK", {**headers, **_TEXT})


def headers_for(origin: str | None, origins: Sequence[str]) -> Mapping[str, str]:
    """What lets a page of that origin read the answer."""
    if not origins:
        return {}
    headers = {"Vary": "Origin"}
    if origin is not None:
        headers["Access-Control-Expose-Headers"] = ", ".join(EXPOSED)
    if origin in origins:
        headers["Access-Control-Allow-Origin"] = str(origin)
    return headers
