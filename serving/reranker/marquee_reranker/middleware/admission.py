"""Admission: a few requests are worked on, a few wait a moment, the rest is told to come back.

A server that accepts everything answers everybody too late. uvicorn's own `limit_concurrency` counts connections,
idle ones and probes among them, so it is no substitute (docs/adr).
"""

import asyncio

from starlette.types import ASGIApp, Receive, Scope, Send

from marquee.api.problems import ProblemError
from marquee_reranker.problems import respond
from marquee_reranker.telemetry import Telemetry, facts_of

# A probe that is shed under load would get the server killed just when it is needed.
PROBES = {"/livez", "/readyz"}
# Posters wait for another service, and have bounds of their own (`posters/fetch.py`): in here, a few slow ones
# would take the recommendations' slots.
APART = "/v1/posters/"
RETRY_AFTER = "1"


class Admission:
    """Limits concurrency, with a short queue in order of arrival.

    Args:
        app: The layers within.
        telemetry: Where work in progress and refusals are counted.
        max_inflight: Requests worked on at once.
        max_queue: Requests that may wait.
        queue_seconds: How long one may wait.
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
        """Answer, or refuse."""
        if scope["type"] != "http" or scope["path"] in PROBES or scope["path"].startswith(APART):
            await self._app(scope, receive, send)
            return
        if reason := await self._enter():
            await self._refuse(reason, scope, receive, send)
            return
        try:
            with self._telemetry.inflight.track_inprogress():
                await self._app(scope, receive, send)
        finally:
            self._slots.release()

    async def _enter(self) -> str | None:
        """Take a slot, or say why there is none."""
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

    async def _refuse(self, reason: str, scope: Scope, receive: Receive, send: Send) -> None:
        self._telemetry.shed.labels(reason).inc()
        facts_of(scope).shed = reason
        detail = f"more requests than this server can answer in time: try again after {RETRY_AFTER} s, or add replicas"
        problem = ProblemError(503, detail, headers={"Retry-After": RETRY_AFTER})
        await respond(scope, problem)(scope, receive, send)
