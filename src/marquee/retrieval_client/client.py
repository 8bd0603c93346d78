"""Asks a retrieval server, never longer than a deadline, whatever the server or the network does."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError

import urllib3
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ReadTimeoutError

from marquee.breaker import CircuitBreaker
from marquee.caller import caller
from marquee.errors import RetrievalUnavailable
from marquee.retrieval import Candidates, Query, Where
from marquee.retrieval_client.connections import make_pool
from marquee.wire import ask, read_answer
from marquee.wire.call import Protocol
from marquee.wire.v2 import MODEL_NAME

logger = logging.getLogger("marquee.retrieval")

PATHS: dict[Protocol, str] = {"v1": f"/v1/models/{MODEL_NAME}:predict", "v2": f"/v2/models/{MODEL_NAME}/infer"}
MAX_ANSWER_BYTES = 4 * 1024 * 1024
# A second attempt with less time left than this would only be a second failure.
WORTH_A_RETRY = 0.1


class _LostConnection(RetrievalUnavailable):
    """No answer had begun, so that asking again can't do harm and may meet another pod."""


class RetrievalClient:
    """A client of one address. Thread-safe; `of` makes the retriever for a bundle.

    Args:
        url: Of the server, without a path.
        protocol: KServe's protocol to ask in.
        seconds: For an answer, all attempts included.
        connect_seconds: For a connection.
        connection_seconds: How long a connection is used at most.
        workers: Calls at once. One more gets `RetrievalUnavailable("busy")`.
        breaker: When to stop asking.
        on_result: Told of each call "ok", or the reason why not.
    """

    def __init__(
        self,
        url: str,
        *,
        protocol: Protocol = "v2",
        seconds: float = 0.25,
        connect_seconds: float = 0.05,
        connection_seconds: float = 30.0,
        workers: int = 32,
        breaker: CircuitBreaker | None = None,
        on_result: Callable[[str], object] = lambda _: None,
    ) -> None:
        self._protocol = protocol
        self._seconds = seconds
        self._connect_seconds = connect_seconds
        self._pool = make_pool(url, size=workers, max_age=connection_seconds)
        self._free = threading.BoundedSemaphore(workers)
        # Sockets have timeouts per read and names are looked up without any: only waiting for a thread has a hard
        # end. A thread that is stuck is one of a bounded number, and harms nobody else.
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="retrieval")
        self._breaker = breaker or CircuitBreaker()
        self._on_result = on_result

    def of(self, version: str) -> "BoundRetriever":
        """A retriever that asks for candidates of this bundle."""
        return BoundRetriever(self, version)

    @property
    def is_open(self) -> bool:
        """Whether the circuit breaker holds calls back."""
        return self._breaker.is_open

    def close(self) -> None:
        """Close all connections."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._pool.close()

    def candidates(self, query: Query, version: str) -> Candidates:
        """Ask the server.

        Raises:
            RetrievalUnavailable: With the reason `circuit_open`, `busy`, `refused`, `timeout`, `connection_lost`,
                `not_ready`, `rejected`, `error` or `bad_answer`.
        """
        try:
            found = self._guarded(query, version)
        except RetrievalUnavailable as unavailable:
            self._on_result(unavailable.reason)
            raise
        self._on_result("ok")
        return found

    def _guarded(self, query: Query, version: str) -> Candidates:
        if not self._breaker.admit():
            raise RetrievalUnavailable("circuit_open")
        was_open = self._breaker.is_open
        try:
            found = self._within_the_deadline(query, version)
        except RetrievalUnavailable as unavailable:
            # A request that the server refuses says nothing against the server.
            if unavailable.reason == "rejected":
                self._breaker.succeeded()
            else:
                self._breaker.failed()
            if not was_open:
                logger.warning("retrieval: %s: %s", unavailable.reason, unavailable.message)
            raise
        self._breaker.succeeded()
        if was_open:
            logger.info("retrieval answers again")
        return found

    def _within_the_deadline(self, query: Query, version: str) -> Candidates:
        deadline = time.monotonic() + self._seconds
        body = ask(query, self._protocol, version)
        headers = {"Content-Type": "application/json", "Accept": "application/json", **caller.get().headers()}
        if not self._free.acquire(blocking=False):
            raise RetrievalUnavailable("busy", "as many calls as allowed are under way")
        future = self._threads.submit(self._attempts, body, headers, deadline)
        future.add_done_callback(lambda _: self._free.release())
        try:
            answer = future.result(max(0.0, deadline - time.monotonic()))
        except FutureTimeoutError:
            raise RetrievalUnavailable("timeout", f"no answer within {self._seconds} s") from None
        try:
            return read_answer(answer, self._protocol, query.k)
        except ValueError as error:
            raise RetrievalUnavailable("bad_answer", str(error)) from None

    def _attempts(self, body: bytes, headers: dict[str, str], deadline: float) -> bytes:
        try:
            return self._attempt(body, headers, deadline)
        except _LostConnection:
            if deadline - time.monotonic() < WORTH_A_RETRY:
                raise
        return self._attempt(body, headers, deadline)

    def _attempt(self, body: bytes, headers: dict[str, str], deadline: float) -> bytes:
        left = max(0.001, deadline - time.monotonic())
        timeout = urllib3.Timeout(connect=min(self._connect_seconds, left), read=left)
        try:
            response = self._pool.urlopen(
                "POST", PATHS[self._protocol], body, headers, timeout=timeout, redirect=False, preload_content=False
            )
        except (NewConnectionError, ConnectTimeoutError) as error:
            raise _LostConnection("refused", str(error)) from None
        except ReadTimeoutError as error:
            raise RetrievalUnavailable("timeout", str(error)) from None
        except HTTPError as error:  # the connection ended before an answer began
            raise _LostConnection("connection_lost", str(error)) from None
        whole = False
        try:
            content = _read(response, deadline)
            whole = True
        except ReadTimeoutError as error:
            raise RetrievalUnavailable("timeout", str(error)) from None
        except HTTPError as error:
            raise RetrievalUnavailable("connection_lost", str(error)) from None
        finally:
            if whole:
                response.release_conn()
            else:
                response.close()
        _check(response.status, content)
        return content


def _read(response: urllib3.BaseHTTPResponse, deadline: float) -> bytes:
    parts: list[bytes] = []
    size = 0
    while part := response.read1(65536):
        parts.append(part)
        size += len(part)
        if size > MAX_ANSWER_BYTES:
            raise RetrievalUnavailable("bad_answer", f"more than {MAX_ANSWER_BYTES} bytes")
        if time.monotonic() > deadline:
            raise RetrievalUnavailable("timeout", "the answer comes too slowly")
    return b"".join(parts)


def _check(status: int, content: bytes) -> None:
    if status == 200:
        return
    reason = "rejected" if status in {400, 413, 422} else "not_ready" if status in {404, 503} else "error"
    raise RetrievalUnavailable(reason, f"HTTP {status}: {content[:200].decode(errors='replace')}")


class BoundRetriever:
    """A `marquee.retrieval.Retriever` that asks for one bundle's candidates."""

    def __init__(self, client: RetrievalClient, version: str) -> None:
        self._client = client
        self._version = version

    def candidates(self, seed_movie_ids: Sequence[int], k: int, where: Where) -> Candidates:
        """See `marquee.retrieval.Retriever.candidates`."""
        return self._client.candidates(Query(tuple(seed_movie_ids), k, where), self._version)
