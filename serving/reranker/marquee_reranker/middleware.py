"""ASGI middleware: ids, headers, log line and metrics of every request (outermost); body, admission, fast answers.

uvicorn's `limit_concurrency` is no substitute for admission, since it counts connections, including idle ones and
probes (docs/adr).
"""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from starlette.applications import Starlette
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from marquee.api.contracts import MAX_BODY_BYTES
from marquee.api.problems import BODY_TOO_LONG, INTERNAL, NO_STORE, ProblemError, security_headers, too_slow
from marquee.api.request_context import RequestContext, request_context
from marquee.api.root_path import without_root
from marquee_reranker.admission import Admission, RefusedError
from marquee_reranker.protocol import Headers
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


@dataclass(frozen=True)
class Fast:
    """What is answered on the event loop.

    Attributes:
        paths: POST requests of these can be.
        applies: Whether they can now, whatever they ask for.
        answer: Answers a request, by its scope and body, within about a millisecond; None where that takes longer.
    """

    paths: Collection[str]
    applies: Callable[[Scope], bool]
    answer: Callable[[Scope, bytes], Response | None]


def refuse_early(
    app: Starlette, fast: Fast, loop: Admission, telemetry: Telemetry, *, root_path: str
) -> Callable[[bytes, bytes, Headers], ProblemError | None]:
    """What refuses requests for `fast` answers by method, path and headers while the queue of the event loop stands.

    Under overload nearly all requests are refused: they are counted, but have no line in the log. Requests of other
    origins go to the application, which knows the headers of CORS.
    """
    scope = {"app": app}
    paths = {f"{root}{path}".encode(): path for root in {"", root_path} for path in fast.paths}
    security = security_headers(cross_origin=False)

    def refusal(method: bytes, url: bytes, headers: Headers) -> ProblemError | None:
        if not loop.is_overloaded or method != b"POST" or url not in paths or not fast.applies(scope):
            return None
        if app.state.draining or any(name == b"origin" for name, _ in headers):
            return None
        telemetry.refused_early(paths[url])
        return _overloaded(NO_STORE | security)

    return refusal


def _overloaded(headers: Mapping[str, str] = MappingProxyType({})) -> ProblemError:
    return ProblemError(503, OVERLOADED, headers={"Retry-After": RETRY_AFTER, **headers})


class Admit:
    """Buffers the body, so that slow senders take no place, takes a place, and answers.

    Requests that `fast` can answer are computed on the event loop, one at a time: threads would only take
    turns at Python's lock. Others go to the application, which computes in threads, up to `max_inflight` at once.
    More than MAX_BODY_BYTES are answered with 413 at once, and what takes longer than `read_seconds` with 408.
    Also answers HEAD as GET (RFC 9110, 9.1).
    """

    def __init__(
        self,
        app: ASGIApp,
        telemetry: Telemetry,
        *,
        max_inflight: int,
        max_queue: int,
        queue_seconds: float,
        read_seconds: float,
        fast: Fast,
        loop: Admission,
    ) -> None:
        self._app = app
        self._telemetry = telemetry
        self._read_seconds = read_seconds
        self._fast = fast
        self._loop = loop
        self._threads = threads = Admission(max_inflight, max_queue=max_queue, queue_seconds=queue_seconds)
        telemetry.limit.set_function(lambda: threads.limit)
        telemetry.inflight.set_function(lambda: self._loop.n_present + threads.n_present)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or call the inner application, or refuse."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path, rules = scope["path"], self._fast
        fast = path in rules.paths and scope["method"] == "POST" and rules.applies(scope)
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
        if path in PROBES or path.startswith(UNLIMITED):
            await self._app(scope, replay, send)
            return
        try:
            if fast and (answer := await self._compute(scope, body)):
                await answer(scope, receive, send)
                return
            entered = await self._threads.enter()
        except RefusedError as refused:
            await self._refuse(scope, receive, send, refused.reason)
            return
        try:
            await self._app(scope, replay, send)
        finally:
            self._threads.leave(entered)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, reason: str) -> None:
        self._telemetry.shed.labels(reason).inc()
        log_fields(scope)["shed"] = reason
        await problem_response(scope, _overloaded())(scope, receive, send)

    async def _compute(self, scope: Scope, body: bytes) -> Response | None:
        entered = await self._loop.enter()
        try:
            return self._fast.answer(scope, body)
        finally:
            # In the loop's next round, after it has read what arrived meanwhile: so requests wait in our queue, where
            # their time is measured, and not in the sockets'.
            asyncio.get_running_loop().call_soon(self._loop.leave, entered)

    async def _read(self, scope: Scope, receive: Receive) -> bytes:
        """The body; raises `ProblemError` if it is too long or too slow."""
        headers = dict(scope["headers"])
        declared = headers.get(b"content-length", b"")
        if not declared and b"transfer-encoding" not in headers:
            return b""
        if declared.isdigit() and int(declared) > MAX_BODY_BYTES:
            raise ProblemError(413, BODY_TOO_LONG)
        body, more = b"", True
        try:
            async with asyncio.timeout(self._read_seconds):
                while more:
                    message = await receive()
                    body += message.get("body", b"")
                    more = message.get("more_body", False)  # a disconnect has neither
                    if len(body) > MAX_BODY_BYTES:
                        raise ProblemError(413, BODY_TOO_LONG)
        except TimeoutError:
            raise too_slow("body", self._read_seconds) from None
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
        self._plain = {path for route in routes if "{" not in (path := getattr(route, "path", "{"))}
        named = security_headers(cross_origin=cross_origin)
        self._headers = [(name.lower().encode(), value.encode()) for name, value in named.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the inner application, and record the outcome."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        app = self._app
        if self._root_path:
            scope["path"] = without_root(scope["path"], self._root_path)
            app = app if scope["path"] else self._to_folder(scope)
        context = RequestContext.from_headers(
            {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        )
        request_context.set(context)
        scope.setdefault("state", {})["log"] = new_log_fields(context)
        added = [(b"x-request-id", context.request_id.encode()), *self._headers]
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
            self._record(scope, status or CLIENT_GONE, time.perf_counter() - started, failure)

    def _record(self, scope: Scope, status: int, seconds: float, failure: Exception | None) -> None:
        # Labels come from closed sets, so that invented paths and methods don't create series.
        method = scope["method"] if scope["method"] in METHODS else "other"
        route: str | None = scope["path"] if scope["path"] in self._plain else getattr(scope.get("route"), "path", None)
        if route is None:  # answered before it reached the router
            matched = (known for known in self._routes if known.matches(scope)[0] is not Match.NONE)
            route = getattr(next(matched, None), "path", "unmatched")
        self._telemetry.answered(scope, route=route, method=method, status=status, seconds=seconds, failure=failure)

    def _to_folder(self, scope: Scope) -> RedirectResponse:
        # Relative, since a proxy further out may add a prefix of its own.
        query = f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else ""
        return RedirectResponse(f"{self._root_path.rsplit('/', 1)[1]}/{query}")
