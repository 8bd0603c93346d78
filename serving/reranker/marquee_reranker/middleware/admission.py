"""Admission control: a bounded number of requests is worked on, a short queue waits, the rest gets 503.

A server that accepts everything answers everybody too late. uvicorn's own `limit_concurrency` counts connections,
idle ones and probes among them, so it is no substitute (docs/adr).
"""

import asyncio

from starlette.types import ASGIApp, Receive, Scope, Send

from marquee.api.problems import ProblemError
from marquee_reranker.responses import problem_response
from marquee_reranker.telemetry import Telemetry, log_fields

# A probe that is shed under load would get the server killed just when it is needed.
PROBES = {"/livez", "/readyz"}
# Posters wait for another service and have bounds of their own (posters/fetch.py): here, slow ones would take the
# recommendations' slots.
UNLIMITED = "/v1/posters/"
RETRY_AFTER = "1"
OVERLOADED = f"more requests than this server can answer in time: try again after {RETRY_AFTER} s, or add replicas"


class Admission:
    """Works on `max_inflight` requests at once; `max_queue` more wait in order of arrival, `queue_seconds` at most.

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
        """Take a slot; else the reason why there is none."""
        if not self._slots.locked():
            await self._slots.acquire()  # returns at once
            return None
        if self._waiting >= self._max_queue:
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
