"""The outermost layer: request ids, security headers, one log line, and the last catch for what nobody expected."""

import time
from collections.abc import Sequence

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from marquee.api.problems import internal_error, security_headers
from marquee.api.request_context import request_context
from marquee_reranker.problems import respond
from marquee_reranker.telemetry import Facts, Telemetry, new_facts

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
CLIENT_GONE = 499


class Observe:
    """Pure ASGI, since Starlette's BaseHTTPMiddleware costs a task per request.

    Args:
        app: The layers within.
        telemetry: Where requests are counted.
        routes: The application's routes, to name those requests that never reach the router.
        cross_origin: Whether pages of other origins may read answers.
    """

    def __init__(self, app: ASGIApp, telemetry: Telemetry, routes: Sequence[BaseRoute], cross_origin: bool) -> None:
        self._app = app
        self._telemetry = telemetry
        self._routes = routes
        self._headers = security_headers(cross_origin=cross_origin)
        self._log = structlog.stdlib.get_logger("marquee.request")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on, and note what came of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        facts, calls_as = new_facts(Headers(scope=scope))
        request_context.set(calls_as)
        scope.setdefault("state", {})["facts"] = facts
        started = time.perf_counter()
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = facts.request_id
                headers.update(self._headers)
            await send(message)

        failure: Exception | None = None
        try:
            await self._app(scope, receive, send_with_headers)
        except Exception as error:
            failure = error
            if not status:
                await respond(scope, internal_error())(scope, receive, send_with_headers)
        finally:
            self._record(scope, facts, status or CLIENT_GONE, time.perf_counter() - started, failure)

    def _record(self, scope: Scope, facts: Facts, status: int, seconds: float, failure: Exception | None) -> None:
        # Labels come from closed sets: a scanner that invents paths and methods must not fill Prometheus.
        method = scope["method"] if scope["method"] in METHODS else "other"
        route = self._route(scope)
        self._telemetry.requests.labels(route, method, str(status)).inc()
        self._telemetry.duration.labels(route).observe(seconds)
        trace = facts.trace
        write = self._log.error if failure else self._log.info
        write(
            "request",
            request_id=facts.request_id,
            trace_id=facts.trace_id,
            method=method,
            route=route,
            status=status,
            ms=round(seconds * 1e3, 3),
            served_by=facts.served_by,
            degraded=facts.degraded,
            n_seeds=facts.n_seeds,
            n_candidates=trace.n_candidates if trace else None,
            retrieval_ms=round(trace.retrieval_ms, 3) if trace else None,
            rerank_ms=round(trace.rerank_ms, 3) if trace else None,
            model_version=facts.model_version,
            shed=facts.shed,
            **({"exc_info": failure} if failure else {}),
        )

    def _route(self, scope: Scope) -> str:
        route = scope.get("route")
        if route is None:  # refused before it reached the router
            route = next((known for known in self._routes if known.matches(scope)[0] is not Match.NONE), None)
        return getattr(route, "path", "unmatched")
