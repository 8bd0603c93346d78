"""Client of a retrieval server over HTTP with a hard deadline."""

import random
import select
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import KW_ONLY, dataclass
from functools import partial
from urllib.parse import urlsplit

from httptools import HttpParserError, HttpResponseParser

from marquee.api.request_context import request_context
from marquee.errors import RetrievalUnavailable
from marquee.retrieval.port import Candidates, Query
from marquee.retrieval.remote import CHUNK, MAX_ANSWER_BYTES, LostConnection, RemoteClient, reason_of_status
from marquee.retrieval.wire import JSON_LENGTH, PATHS, Protocol, ask, read_answer


class _Connection:
    """A connection, and the answer on it; `on_...` are called by httptools."""

    def __init__(self, sock: socket.socket, expires: float) -> None:
        self._socket, self._expires = sock, expires
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)

    def is_usable(self) -> bool:
        """Whether it is neither too old nor dropped by the server: an idle one has nothing to read."""
        return time.monotonic() < self._expires and not self._poll.poll(0)

    def close(self) -> None:
        """Close it."""
        self._socket.close()

    def ask(self, request: bytes, ends: float) -> bool:
        """Send a request, read the answer until `ends`, and return whether the connection can be kept.

        Raises:
            RetrievalUnavailable: `timeout`, `connection_lost` (before an answer began as `LostConnection`) or
                `bad_answer`, for one that is too long.
        """
        self.content = bytearray()
        self.json_length: str | None = None
        self._begun = self._complete = self._keep = False
        parser = self._parser = HttpResponseParser(self)
        try:
            self._wait_until(ends)
            self._socket.sendall(request)
            while not self._complete:
                self._wait_until(ends)
                part = self._socket.recv(CHUNK)
                if not part:
                    raise ConnectionError("it ended before its answer did")
                parser.feed_data(part)
                if len(self.content) > MAX_ANSWER_BYTES:
                    raise RetrievalUnavailable("bad_answer", f"more than {MAX_ANSWER_BYTES} bytes")
        except TimeoutError:
            raise RetrievalUnavailable("timeout", "the answer did not come in time") from None
        except (OSError, HttpParserError) as error:
            lost = RetrievalUnavailable if self._begun else LostConnection
            raise lost("connection_lost", str(error)) from None
        self.status = parser.get_status_code()
        return self._keep

    def _wait_until(self, ends: float) -> None:
        if (left := ends - time.monotonic()) <= 0:
            raise TimeoutError
        self._socket.settimeout(left)

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == JSON_LENGTH.lower().encode():
            self.json_length = value.decode()

    def on_headers_complete(self) -> None:
        self._begun = True

    def on_body(self, part: bytes) -> None:
        self.content += part

    def on_message_complete(self) -> None:
        self._complete, self._keep = True, self._parser.should_keep_alive()


@dataclass(eq=False)
class RetrievalClient(RemoteClient):
    """Client of one address, a URL without a path. Thread-safe; `retriever` returns the retriever of a bundle.

    Connecting may take `connect_seconds`, and a connection is used for at most `connection_seconds`. Calls run on their
    callers' threads, which costs half as much as a switch: every wait on a socket ends at the deadline. Only connecting
    has threads, since DNS lookups have no time limit.
    """

    url: str
    _: KW_ONLY
    protocol: Protocol = "v2"
    seconds: float = 0.25
    connect_seconds: float = 0.05
    connection_seconds: float = 30.0
    workers: int = 32

    def __post_init__(self) -> None:
        super().__post_init__()
        parts = urlsplit(self.url)
        tls = ssl.create_default_context() if parts.scheme == "https" else None
        address = parts.hostname or "", parts.port or (443 if tls else 80)
        self._new_connection = partial(self._connect, address, tls)
        self._head = (
            f"POST {PATHS[self.protocol]} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
        )
        self._idle: deque[_Connection] = deque()  # the most recently used one last

    def close(self) -> None:
        """See `RemoteClient.close`."""
        super().close()
        while connection := self._take():
            connection.close()

    def _prepare(self, query: Query, version: str) -> Callable[[float], Candidates]:
        body = ask(query, self.protocol, version)
        given = "".join(f"{name}: {value}\r\n" for name, value in request_context.get().headers().items())
        # One write: a server that gets the head alone wakes up twice.
        request = f"{self._head}{given}Content-Length: {len(body)}\r\n\r\n".encode() + body
        return partial(self._ask, request, query.k)

    def _run(self, ask: Callable[[float], Candidates], ends: float) -> Candidates:
        try:
            return self._attempt_twice(ask, ends)
        finally:
            self._free.release()

    def _ask(self, request: bytes, k: int, ends: float) -> Candidates:
        connection = self._take() or self._connected(ends)
        try:
            keep = connection.ask(request, ends)
        except BaseException:
            connection.close()
            raise
        status, content = connection.status, bytes(connection.content)
        length = connection.json_length
        if keep:
            self._idle.append(connection)
        else:
            connection.close()
        if status == 200:
            return read_answer(content, self.protocol, k, length)
        message = f"HTTP {status}: {content[:200].decode(errors='replace')}"
        raise RetrievalUnavailable(reason_of_status(status), message)

    def _take(self) -> _Connection | None:
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:  # another thread was faster
                break
            if connection.is_usable():
                return connection
            connection.close()
        return None

    def _connected(self, ends: float) -> _Connection:
        try:
            connecting = self._threads.submit(self._new_connection, ends)
        except RuntimeError as error:  # closed, or the machine has no thread left
            raise RetrievalUnavailable("error", f"no thread: {error}") from None
        try:
            return connecting.result(max(0.0, ends - time.monotonic()))
        except CancelledError:
            raise RetrievalUnavailable("error", "the client was closed") from None
        except FutureTimeoutError:
            connecting.add_done_callback(self._keep)  # too late for this call, in time for the next
            raise RetrievalUnavailable("timeout", "no connection in time") from None

    def _connect(self, address: tuple[str, int], tls: ssl.SSLContext | None, ends: float) -> _Connection:
        limit = max(0.001, min(self.connect_seconds, ends - time.monotonic()))
        try:
            sock = socket.create_connection(address, limit)
            # A small write must not wait until the one before is acknowledged.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock = tls.wrap_socket(sock, server_hostname=address[0]) if tls else sock
        except OSError as error:
            raise LostConnection("refused", str(error)) from None
        # Spread, so that a pool does not reconnect all at once.
        age = self.connection_seconds * random.uniform(0.75, 1.0)  # noqa: S311 - no secret
        return _Connection(sock, time.monotonic() + age)

    def _keep(self, connecting: Future[_Connection]) -> None:
        if not connecting.cancelled() and connecting.exception() is None:
            self._idle.append(connecting.result())
