"""ASGI middleware: ids, headers, log line and metrics of every request (outermost); body and admission.

uvicorn's `limit_concurrency` is no substitute for admission, since it counts connections, including idle ones and
probes (docs/adr).
"""

import asyncio
import time
from collections.abc import Sequence

from starlette.responses import RedirectResponse
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from marquee.api.problems import INTERNAL, ProblemError, check_length, security_headers, too_slow
from marquee.api.request_context import RequestContext, request_context
from marquee.api.root_path import without_root
from marquee_reranker.admission import Admission, RefusedError
from marquee_reranker.responses import problem_response
from marquee_reranker.telemetry import Telemetry, log_fields, new_log_fields

# Refusing a probe under load would restart the server when it is needed most.
PROBES = {"/livez", "/readyz"}
# Posters wait for another service, with limits of their own (posters/fetch.py), and must not take places here.
UNLIMITED = "/v1/posters/"
RETRY_AFTER = "1"
OVERLOADED = f"more requests than this server can answer in time: try again after {RETRY_AFTER} s, or add replicas"
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
CLIENT_GONE = 499
CONTEXT = ("x-request-id", "traceparent", "tracestate")

Headers = Sequence[tuple[bytes, bytes]]
"""Names in lower case, and values."""


def refuse(scope: Scope, telemetry: Telemetry, reason: str) -> ProblemError:
    """Count a request that there is no place for; returns its problem, 503."""
    telemetry.shed.labels(reason).inc()
    log_fields(scope)["shed"] = reason
    return ProblemError(503, OVERLOADED, headers={"Retry-After": RETRY_AFTER})


class Admit:
    """Buffers the body, so that slow senders take no place, and lets the application answer, in a place of `threads`.

    Bodies too long for their path are answered with 413 at once, and what takes longer than `read_seconds` with 408.
    Also answers HEAD as GET (RFC 9110, 9.1).
    """

    def __init__(
        self,
        app: ASGIApp,
        telemetry: Telemetry,
        *,
        read_seconds: float,
        threads: Admission,
    ) -> None:
        self._app = app
        self._telemetry = telemetry
        self._read_seconds = read_seconds
        self._threads = threads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or call the inner application, or refuse."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            body = await self._read(scope, receive)
        except ProblemError as error:
            # The rest of the body stays unread, so the connection can't be reused.
            error.headers["Connection"] = "close"
            await problem_response(scope, error)(scope, receive, send)
            return
        buffered: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return buffered.pop() if buffered else await receive()

        if scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}  # FastAPI has no HEAD; uvicorn leaves out the body
        if scope["path"] in PROBES or scope["path"].startswith(UNLIMITED):
            await self._app(scope, replay, send)
            return
        try:
            entered = await self._threads.enter()
        except RefusedError as refused:
            await problem_response(scope, refuse(scope, self._telemetry, refused.reason))(scope, receive, send)
            return
        try:
            await self._app(scope, replay, send)
        finally:
            self._threads.leave(entered)

    async def _read(self, scope: Scope, receive: Receive) -> bytes:
        """The body; raises `ProblemError` if it is too long or too slow."""
        headers = dict(scope["headers"])
        declared = headers.get(b"content-length", b"")
        if not declared and b"transfer-encoding" not in headers:
            return b""
        if declared.isdigit():
            check_length(int(declared), scope["path"])
        body, more = b"", True
        try:
            async with asyncio.timeout(self._read_seconds):
                while more:
                    message = await receive()
                    body += message.get("body", b"")
                    more = message.get("more_body", False)  # a disconnect has neither
                    check_length(len(body), scope["path"])
        except TimeoutError:
            raise too_slow("body", self._read_seconds) from None
        return body


class Observer:
    """Ids, headers, log line and metrics of every answer.

    `routes` name the requests that are refused before the router; `cross_origin`: whether other origins may read
    answers.
    """

    def __init__(self, telemetry: Telemetry, routes: Sequence[BaseRoute], *, cross_origin: bool) -> None:
        self._telemetry = telemetry
        self._routes = routes
        self._plain = {path for route in routes if "{" not in (path := getattr(route, "path", "{"))}
        named = security_headers(cross_origin=cross_origin)
        self._headers = [(name.lower().encode(), value.encode()) for name, value in named.items()]

    def begin(self, scope: Scope) -> Headers:
        """Give a request its ids and the fields of its log line; returns the headers that its answer has beside others.

        Sets `request_context`.
        """
        given = dict(scope["headers"])
        context = RequestContext.from_headers(
            {name: given[name.encode()].decode("latin-1") for name in CONTEXT if name.encode() in given}
        )
        request_context.set(context)
        scope.setdefault("state", {})["log"] = new_log_fields(context)
        return [(b"x-request-id", context.request_id.encode()), *self._headers]

    def end(
        self, scope: Scope, status: int, seconds: float, failure: Exception | None = None, *, logged: bool = True
    ) -> None:
        """Count an answer and write its log line."""
        # Labels come from closed sets, so that invented paths and methods don't create series.
        method = scope["method"] if scope["method"] in METHODS else "other"
        route: str | None = scope["path"] if scope["path"] in self._plain else getattr(scope.get("route"), "path", None)
        if route is None:  # answered before it reached the router
            matched = (known for known in self._routes if known.matches(scope)[0] is not Match.NONE)
            route = getattr(next(matched, None), "path", "unmatched")
        fields = log_fields(scope) | {"method": method, "route": route, "status": status}
        self._telemetry.answered(fields, seconds)
        if logged:
            self._telemetry.log(fields, failure)


class Observe:
    """Adds ids and headers to every answer, and writes its log line and metrics, by an `observer`.

    Paths lose `root_path` first. Pure ASGI, since Starlette's BaseHTTPMiddleware costs a task per request.
    """

    def __init__(self, app: ASGIApp, observer: Observer, *, root_path: str) -> None:
        self._app = app
        self._observer = observer
        self._root_path = root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the inner application, and record the outcome."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        app = self._app
        if self._root_path:
            scope["path"] = without_root(scope["path"], self._root_path)
            app = app if scope["path"] else self._to_folder(scope)
        added = self._observer.begin(scope)
        started = time.perf_counter()
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message["headers"] = [*message["headers"], *added]
                if scope["app"].state.draining:  # so that clients send the next request elsewhere
                    headers.append((b"connection", b"close"))
            await send(message)

        failure: Exception | None = None
        try:
            await app(scope, receive, send_with_headers)
        except Exception as error:
            failure = error
            if not status:
                await problem_response(scope, ProblemError(500, INTERNAL))(scope, receive, send_with_headers)
        finally:
            self._observer.end(scope, status or CLIENT_GONE, time.perf_counter() - started, failure)

    def _to_folder(self, scope: Scope) -> RedirectResponse:
        # Relative, since a proxy further out may add a prefix of its own.
        query = f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else ""
        return RedirectResponse(f"{self._root_path.rsplit('/', 1)[1]}/{query}")
