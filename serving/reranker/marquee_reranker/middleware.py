"""ASGI middleware: admission, body limits, and, outermost, ids, headers, log line and metrics of every request.

Admission bounds the requests in progress and in the queue; further ones get 503. uvicorn's `limit_concurrency` is no
substitute, since it counts connections, including idle ones and probes (docs/adr).
"""

import asyncio
import logging
import time
from collections.abc import Sequence

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from marquee.api.contracts import MAX_BODY_BYTES
from marquee.api.problems import BODY_TOO_LONG, INTERNAL, ProblemError, security_headers, too_slow
from marquee.api.request_context import RequestContext, request_context
from marquee.api.root_path import without_root
from marquee_reranker.responses import problem_response
from marquee_reranker.telemetry import Telemetry, log_fields, new_log_fields

# Refusing a probe under load would restart the server when it is needed most.
PROBES = {"/livez", "/readyz"}
# Posters wait for another service, with limits of their own (posters/fetch.py), and must not take slots here.
UNLIMITED = "/v1/posters/"
RETRY_AFTER = "1"
OVERLOADED = f"more requests than this server can answer in time: try again after {RETRY_AFTER} s, or add replicas"
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
CLIENT_GONE = 499


class Admission:
    """Admits `max_inflight` requests at once; `max_queue` more wait in order of arrival, `queue_seconds` at most.

    Also answers HEAD as GET (RFC 9110, 9.1).
    """

    def __init__(
        self, app: ASGIApp, telemetry: Telemetry, *, max_inflight: int, max_queue: int, queue_seconds: float
    ) -> None:
        self._app = app
        self._telemetry = telemetry
        self._slots = asyncio.Semaphore(max_inflight)
        self._max_queue = max_queue
        self._queue_seconds = queue_seconds
        self._waiting = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the inner application, or answer 503."""
        if scope["type"] == "http" and scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}  # FastAPI has no HEAD; uvicorn leaves out the body
        if scope["type"] != "http" or scope["path"] in PROBES or scope["path"].startswith(UNLIMITED):
            await self._app(scope, receive, send)
            return
        if reason := await self._enter():
            self._telemetry.shed.labels(reason).inc()
            log_fields(scope)["shed"] = reason
            problem = ProblemError(503, OVERLOADED, headers={"Retry-After": RETRY_AFTER})
            await problem_response(scope, problem)(scope, receive, send)
            return
        try:
            with self._telemetry.inflight.track_inprogress():
                await self._app(scope, receive, send)
        finally:
            self._slots.release()

    async def _enter(self) -> str | None:
        """Take a slot; returns the reason if there is none."""
        if self._slots.locked() and self._waiting >= self._max_queue:
            return "queue_full"
        self._waiting += 1
        try:
            async with asyncio.timeout(self._queue_seconds):
                await self._slots.acquire()
        except TimeoutError:
            return "queue_timeout"
        finally:
            self._waiting -= 1
        return None


class BodyLimit:
    """Buffers the body, so that slow senders take no slot.

    More than MAX_BODY_BYTES are answered with 413 at once, and what takes longer than `seconds` with 408.
    """

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Buffer the body, then call the inner application."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self._seconds):
                body = await _read(scope, receive)
        except (ProblemError, TimeoutError) as error:
            problem = error if isinstance(error, ProblemError) else too_slow("body", self._seconds)
            # The rest of the body stays unread, so the connection can't be reused.
            problem.headers["Connection"] = "close"
            await problem_response(scope, problem)(scope, receive, send)
            return
        buffered: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return buffered.pop() if buffered else await receive()

        await self._app(scope, replay, send)


async def _read(scope: Scope, receive: Receive) -> bytes:
    """The body; raises a `ProblemError` if it is too long."""
    headers = Headers(scope=scope)
    declared = headers.get("content-length", "")
    if not declared and "transfer-encoding" not in headers:
        return b""
    if declared.isdecimal() and int(declared) > MAX_BODY_BYTES:
        raise ProblemError(413, BODY_TOO_LONG)
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)  # a disconnect has neither
        if len(body) > MAX_BODY_BYTES:
            raise ProblemError(413, BODY_TOO_LONG)
    return body


class Observe:
    """Adds ids and headers to every answer, and writes its log line and metrics.

    Paths lose `root_path` first. `routes` name the requests that are refused before the router; `cross_origin`: whether
    other origins may read answers. Pure ASGI, since Starlette's BaseHTTPMiddleware costs a task per request.
    """

    def __init__(
        self, app: ASGIApp, telemetry: Telemetry, routes: Sequence[BaseRoute], *, root_path: str, cross_origin: bool
    ) -> None:
        self._app = app
        self._root_path = root_path
        self._telemetry = telemetry
        self._routes = routes
        self._headers = security_headers(cross_origin=cross_origin)
        self._log = structlog.stdlib.get_logger("marquee.request")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the inner application, and record the outcome."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        app = self._app
        if self._root_path:
            scope["path"] = without_root(scope["path"], self._root_path)
            app = app if scope["path"] else self._to_folder(scope)
        context = RequestContext.from_headers(Headers(scope=scope))
        request_context.set(context)
        scope.setdefault("state", {})["log"] = new_log_fields(context)
        started = time.perf_counter()
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = context.request_id
                headers.update(self._headers)
                if scope["app"].state.draining:  # so that clients send the next request elsewhere
                    headers["Connection"] = "close"
            await send(message)

        failure: Exception | None = None
        try:
            await app(scope, receive, send_with_headers)
        except Exception as error:
            failure = error
            if not status:
                await problem_response(scope, ProblemError(500, INTERNAL))(scope, receive, send_with_headers)
        finally:
            self._record(scope, status or CLIENT_GONE, time.perf_counter() - started, failure)

    def _record(self, scope: Scope, status: int, seconds: float, failure: Exception | None) -> None:
        # Labels come from closed sets, so that invented paths and methods don't create series.
        method = scope["method"] if scope["method"] in METHODS else "other"
        matched = scope.get("route")
        if matched is None:  # refused before it reached the router
            matched = next((known for known in self._routes if known.matches(scope)[0] is not Match.NONE), None)
        route = getattr(matched, "path", "unmatched")
        model = scope["state"]["log"]["model_version"] or ""
        self._telemetry.requests.labels(route, method, str(status), model).inc()
        self._telemetry.duration.labels(route, model).observe(seconds)
        fields = {"method": method, "route": route, "status": status, "ms": round(seconds * 1e3, 3)}
        if failure:
            fields["exc_info"] = failure
        self._log.log(logging.ERROR if failure else logging.INFO, "request", **scope["state"]["log"], **fields)

    def _to_folder(self, scope: Scope) -> RedirectResponse:
        # Relative, since a proxy further out may add a prefix of its own.
        query = f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else ""
        return RedirectResponse(f"{self._root_path.rsplit('/', 1)[1]}/{query}")
