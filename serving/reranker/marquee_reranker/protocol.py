"""uvicorn's HTTP protocol with a time limit for a request's head, of which uvicorn has none."""

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from marquee.api.problems import MEDIA_TYPE, too_slow
from marquee.api.request_context import RequestContext


class TimedProtocol(H11Protocol):
    """Closes connections on which a head doesn't arrive within `seconds` (a subclass sets it), after a 408.

    On a new connection the time begins at once, and if no byte came, it is closed without an answer; on a kept one it
    begins with the first byte. The body's time is limited by `middleware.BodyLimit`, which logs and counts it.
    """

    seconds = 10.0

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See asyncio.Protocol."""
        super().connection_made(transport)
        self._timer = self.loop.call_later(self.seconds, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Called by uvicorn; what a client sent ahead may begin another head."""
        super().on_response_complete()
        self._watch()

    def _watch(self) -> None:
        if self.conn.their_state is not h11.IDLE:
            self._stop_timer()
        elif self._timer is None and self.conn.trailing_data[0]:
            self._unset_keepalive_if_required()  # no longer idle
            self._timer = self.loop.call_later(self.seconds, self._give_up)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        if self.transport.is_closing():
            return
        if self.conn.our_state is h11.IDLE and self.conn.trailing_data[0]:
            request_id = RequestContext.from_headers({}).request_id
            body = too_slow("head", self.seconds).body(request_id)
            headers = {"Content-Type": MEDIA_TYPE, "X-Request-ID": request_id, "Connection": "close"}
            headers["Content-Length"] = str(len(body))
            answer = h11.Response(status_code=408, headers=[*headers.items()])
            for event in (answer, h11.Data(body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
            self.logger.info("a request's head did not arrive within %g s", self.seconds)
        self.transport.close()
