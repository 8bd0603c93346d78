"""uvicorn's HTTP protocol with limits for a request's head, in time and in bytes, and a way into the fast lane."""

import asyncio
from functools import partial
from typing import Any, cast

from starlette.types import Scope
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from marquee.api.problems import MEDIA_TYPE, ProblemError, status_title, too_slow
from marquee.api.request_context import RequestContext
from marquee_reranker.fast_lane import FastLane

MAX_HEAD_BYTES = 64 * 1024


class LimitedProtocol(HttpToolsProtocol):
    """Closes connections on which a head doesn't arrive within `seconds` (a subclass sets it), after a 408.

    On a new connection the time begins at once, and if no byte came, it is closed without an answer; on a kept one it
    begins with the first byte. Heads of more than MAX_HEAD_BYTES get 431. The body's time is limited by
    `middleware.Admit`.

    Requests that `fast_lane` (of a subclass) takes are answered by it when their body is there, which has the same
    limits as the head.
    """

    seconds = 10.0
    fast_lane: FastLane

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._timer: asyncio.TimerHandle | None = None
        self._head_bytes = 0  # of a head that is not complete
        self._fast: tuple[RequestResponseCycle, ASGI3Application] | None = None  # whose body isn't complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See asyncio.Protocol."""
        super().connection_made(transport)
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        in_head = self._head_bytes
        super().data_received(data)
        if not self._head_bytes:
            self._stop_timer()
            return
        self._head_bytes += len(data) if in_head else 0
        if self._head_bytes > MAX_HEAD_BYTES:
            self._refuse(ProblemError(431, f"the request's head is longer than {MAX_HEAD_BYTES} bytes: shorten it"))
        elif self._timer is None:
            self._start_timer()

    def on_message_begin(self) -> None:
        """Called by the parser at a head's first byte."""
        self._head_bytes = 1
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Called by the parser at a head's end."""
        super().on_headers_complete()
        if self._fast is None:
            self._head_bytes = 0

    def on_message_complete(self) -> None:
        """Called by the parser at a request's end."""
        super().on_message_complete()
        self._head_bytes = 0
        if self._fast is not None:
            self._enter_fast_lane(*self._fast)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        if not self.fast_lane.takes(cast("Scope", cycle.scope)):
            super()._start_asgi_task(cycle, app)
        elif cycle.more_body:
            self._fast = cycle, app
            if not self._head_bytes:  # its head came before the answer to the one before
                self._head_bytes = 1
                self._start_timer()
        else:
            self._enter_fast_lane(cycle, app)

    def _enter_fast_lane(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._fast = None
        self.fast_lane.enter(cycle, partial(super()._start_asgi_task, cycle, app))

    def _start_timer(self) -> None:
        self._timer = self.loop.call_later(self.seconds, self._give_up)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        if self._head_bytes and not self._fast and self.cycle is not None and not self.cycle.response_complete:
            self._start_timer()  # the answer to the request before goes first
        elif self._fast:
            self._stop_timer()
            self.fast_lane.give_up(self._fast[0], too_slow("body", self.seconds))
        elif self._head_bytes:
            self._refuse(too_slow("head", self.seconds))
        else:
            self.transport.close()

    def _refuse(self, problem: ProblemError) -> None:
        self._stop_timer()
        if self.transport.is_closing():
            return
        self.logger.info(problem.detail)
        given = dict(self.headers or ()).get(b"x-request-id", b"").decode("latin-1")
        request_id = RequestContext.from_headers({"x-request-id": given}).request_id
        body = problem.body(request_id)
        headers = {"content-type": MEDIA_TYPE, "x-request-id": request_id, "connection": "close"}
        headers |= {name.decode(): value.decode() for name, value in self.server_state.default_headers}  # the date
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"HTTP/1.1 {problem.status} {status_title(problem.status)}\r\n{lines}content-length: {len(body)}\r\n\r\n"
        self.transport.write(head.encode() + body)
        self.transport.close()
