"""The outermost middleware: request ids, security headers, one log line, metrics, and unexpected exceptions as 500."""

import time
from collections.abc import Sequence

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from marquee.api.problems import INTERNAL, ProblemError, security_headers
from marquee.api.request_context import RequestContext, request_context
from marquee_reranker.responses import problem_response
from marquee_reranker.telemetry import Telemetry, new_log_fields

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
CLIENT_GONE = 499


class Observe:
    """Pure ASGI, since Starlette's BaseHTTPMiddleware costs a task per request.

    `routes` name the requests that never reach the router; `cross_origin`: whether other origins may read answers.
    """

    def __init__(self, app: ASGIApp, telemetry: Telemetry, routes: Sequence[BaseRoute], cross_origin: bool) -> None:
        self._app = app
        self._telemetry = telemetry
        self._routes = routes
        self._headers = security_headers(cross_origin=cross_origin)
        self._log = structlog.stdlib.get_logger("marquee.request")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the inner application, and record the outcome."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
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
            await send(message)

        failure: Exception | None = None
        try:
            await self._app(scope, receive, send_with_headers)
        except Exception as error:
            failure = error
            if not status:
                await problem_response(scope, ProblemError(500, INTERNAL))(scope, receive, send_with_headers)
        finally:
            self._record(scope, status or CLIENT_GONE, time.perf_counter() - started, failure)

    def _record(self, scope: Scope, status: int, seconds: float, failure: Exception | None) -> None:
        # Labels come from closed sets: a scanner that invents paths and methods must not fill Prometheus.
        method = scope["method"] if scope["method"] in METHODS else "other"
        route = self._route(scope)
        self._telemetry.requests.labels(route, method, str(status)).inc()
        self._telemetry.duration.labels(route).observe(seconds)
        fields = {**scope["state"]["log"], "method": method, "route": route, "status": status}
        fields["ms"] = round(seconds * 1e3, 3)
        if failure:
            self._log.error("request", **fields, exc_info=failure)
        else:
            self._log.info("request", **fields)

    def _route(self, scope: Scope) -> str:
        route = scope.get("route")
        if route is None:  # refused before it reached the router
            route = next((known for known in self._routes if known.matches(scope)[0] is not Match.NONE), None)
        return getattr(route, "path", "unmatched")
