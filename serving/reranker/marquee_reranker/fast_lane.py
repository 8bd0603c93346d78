"""The fast lane: recommendations that take about a millisecond, answered on the event loop without the application.

Threads would only take turns at Python's lock, and the application's layers cost as much as the models.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple, cast

from starlette.datastructures import State
from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from marquee.api.problems import NO_STORE, ProblemError
from marquee_reranker.admission import Admission, RefusedError
from marquee_reranker.middleware import CLIENT_GONE, Headers, Observer, refuse
from marquee_reranker.responses import problem_response
from marquee_reranker.routes.recommend import FAST_BYTES, FAST_PATHS, can_be_fast, recommend_fast
from marquee_reranker.telemetry import log_fields

HEADERS = [(b"cache-control", NO_STORE["Cache-Control"].encode()), (b"content-type", b"application/json")]


class FastLane:
    """Answers one request in each round of the event loop, in order of arrival, or refuses it.

    Args:
        state: The application's.
        queue: Of one place.
        observer: Headers, log lines and metrics.
    """

    def __init__(self, state: State, queue: Admission, observer: Observer) -> None:
        self._state, self._queue, self._observer = state, queue, observer
        root_path = state.settings.root_path
        self._paths = {f"{root}{path}": path for root in {"", root_path} for path in FAST_PATHS}

    def takes(self, scope: Scope) -> bool:
        """Whether it answers a request, given its head; it may still leave it to the application later."""
        if scope["method"] != "POST" or scope["path"] not in self._paths or self._state.draining:
            return False
        headers = dict(scope["headers"])
        length = headers.get(b"content-length", b"")
        if not length.isdigit() or int(length) > FAST_BYTES or b"expect" in headers:
            return False
        # The application knows the headers for other origins.
        return not (self._state.settings.cors_origins and b"origin" in headers) and can_be_fast(self._state)

    def enter(self, cycle: RequestResponseCycle, otherwise: Callable[[], None]) -> None:
        """Answer a complete request in one of the next rounds; `otherwise` lets the application do it."""
        exchange = self._begin(cycle)
        try:
            # The callback runs after the loop has read what arrived meanwhile: so requests wait in our queue, where
            # their time is measured, and not in the sockets'.
            self._queue.request().add_done_callback(lambda turn: self._take_turn(exchange, otherwise, turn.result()))
        except RefusedError as refused:
            self._refuse(exchange, refused.reason)

    def give_up(self, cycle: RequestResponseCycle, problem: ProblemError) -> None:
        """Answer a request that isn't complete with a problem, and close its connection."""
        cycle.keep_alive = False
        self._send_problem(self._begin(cycle), problem)

    def _begin(self, cycle: RequestResponseCycle) -> "_Exchange":
        scope = cast("Scope", cycle.scope)
        scope["path"] = self._paths[scope["path"]]
        return _Exchange(cycle, scope, self._observer.begin(scope), time.perf_counter())

    def _take_turn(self, exchange: "_Exchange", otherwise: Callable[[], None], refused: str) -> None:
        if refused:
            self._refuse(exchange, refused)
            return
        entered, scope = time.monotonic(), exchange.scope
        answer: bytes | None = None
        media_type = dict(scope["headers"]).get(b"content-type", b"").decode("latin-1")
        if exchange.cycle.disconnected:
            answer = b""  # for nobody
        else:
            with suppress(Exception):  # the application meets it again, and reports it
                answer = recommend_fast(self._state, log_fields(scope), media_type, bytes(exchange.cycle.body))
        self._queue.leave(entered)
        if answer is None:
            otherwise()
        else:
            self._send(exchange, 200, [*HEADERS, (b"content-length", b"%d" % len(answer))], answer)

    def _refuse(self, exchange: "_Exchange", reason: str) -> None:
        problem = refuse(exchange.scope, self._state.telemetry, reason)
        # Beyond capacity most requests find the queue full: their log lines would be the greatest part of the work.
        self._send_problem(exchange, problem, logged=reason != "queue_full")

    def _send_problem(self, exchange: "_Exchange", problem: ProblemError, *, logged: bool = True) -> None:
        response = problem_response(exchange.scope, problem)
        self._send(exchange, problem.status, response.raw_headers, bytes(response.body), logged=logged)

    def _send(self, exchange: "_Exchange", status: int, headers: Headers, body: bytes, *, logged: bool = True) -> None:
        """Send an answer at once, head and body, as uvicorn's cycle would in two parts."""
        cycle = exchange.cycle
        cycle.response_started = cycle.response_complete = True
        if not cycle.disconnected:
            lines = [*cycle.default_headers, *headers, *exchange.added]
            if not cycle.keep_alive:
                lines.append((b"connection", b"close"))
            head = b"".join(b"%b: %b\r\n" % line for line in lines)
            cycle.transport.write(b"%b%b\r\n%b" % (STATUS_LINE[status], head, body))
            if not cycle.keep_alive:
                cycle.transport.close()
            cycle.on_response()
        seconds = time.perf_counter() - exchange.started
        self._observer.end(exchange.scope, CLIENT_GONE if cycle.disconnected else status, seconds, logged=logged)


class _Exchange(NamedTuple):
    """A request, the headers that its answer has beside others, and when it began."""

    cycle: RequestResponseCycle
    scope: Scope
    added: Headers
    started: float
