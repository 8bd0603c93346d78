"""uvicorn's HTTP protocol with limits for a request's head, in time and in bytes, and cheap refusals under overload."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from marquee.api.problems import MEDIA_TYPE, ProblemError, status_title, too_slow
from marquee.api.request_context import RequestContext

MAX_HEAD_BYTES = 64 * 1024

Headers = Sequence[tuple[bytes, bytes]]
"""Of a request, with names in lower case."""


class LimitedProtocol(HttpToolsProtocol):
    """Closes connections on which a head doesn't arrive within `seconds` (a subclass sets it), after a 408.

    On a new connection the time begins at once, and if no byte came, it is closed without an answer; on a kept one it
    begins with the first byte. Heads of more than MAX_HEAD_BYTES get 431. The body's time is limited by
    `middleware.Admit`.

    What `refusal` (of a subclass) gives for a request's method, path and headers is the answer to it, after its body:
    the application isn't called, since that costs more than all else. Such a body counts as part of the head.
    """

    seconds = 10.0
    refusal: Callable[[bytes, bytes, Headers], ProblemError | None] = staticmethod(lambda *_: None)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._timer: asyncio.TimerHandle | None = None
        self._head_bytes = 0  # of a head that is not complete
        self._refused: ProblemError | None = None  # the answer to the present request

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
        if self.cycle is None or self.cycle.response_complete:
            self._refused = self.refusal(self.parser.get_method(), self.url, self.headers)
        if self._refused is None:
            self._head_bytes = 0
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Called by the parser for each part of a body."""
        if self._refused is None:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Called by the parser at a request's end."""
        if self._refused is None:
            super().on_message_complete()
            return
        self._head_bytes = 0
        self._answer(self._refused, close=not self.parser.should_keep_alive())
        self._refused = None
        self.on_response_complete()  # waits for the next request

    def _start_timer(self) -> None:
        self._timer = self.loop.call_later(self.seconds, self._give_up)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        if self._head_bytes and self.cycle is not None and not self.cycle.response_complete:
            self._start_timer()  # the answer to the request before goes first
        elif self._head_bytes:
            self._refuse(too_slow("head", self.seconds))
        else:
            self.transport.close()

    def _refuse(self, problem: ProblemError) -> None:
        self._stop_timer()
        if not self.transport.is_closing():
            self.logger.info(problem.detail)
            self._answer(problem, close=True)

    def _answer(self, problem: ProblemError, *, close: bool) -> None:
        given = dict(self.headers or ()).get(b"x-request-id", b"").decode("latin-1")
        request_id = RequestContext.from_headers({"x-request-id": given}).request_id
        body = problem.body(request_id)
        headers = {"content-type": MEDIA_TYPE, **problem.headers, "x-request-id": request_id}
        if close:
            headers["connection"] = "close"
        headers |= {name.decode(): value.decode() for name, value in self.server_state.default_headers}  # the date
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"HTTP/1.1 {problem.status} {status_title(problem.status)}\r\n{lines}content-length: {len(body)}\r\n\r\n"
        self.transport.write(head.encode() + body)
        if close:
            self.transport.close()
