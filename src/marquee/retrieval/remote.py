"""Calls to a retrieval tier that always end: in time, not too many at once, and none while it is known to be down.

What `marquee.retrieval.http` and `marquee.retrieval.sagemaker` share; how to ask is theirs.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Protocol

from marquee.errors import RetrievalUnavailable
from marquee.retrieval.breaker import CircuitBreaker
from marquee.retrieval.port import Candidates, Query, Where

MAX_ANSWER_BYTES = 4 * 1024 * 1024  # a serverless SageMaker endpoint's own limit
CHUNK = 65536


class BoundedCalls:
    """Runs calls on threads of its own. Thread-safe.

    Sockets have timeouts per read and names are looked up without any: only waiting for a thread has a hard end. A
    thread that is stuck is one of a bounded number, and harms nobody else.

    Args:
        name: Of the threads.
        workers: Calls at once. One more gets `RetrievalUnavailable("busy")`.
        breaker: When to stop asking.
    """

    def __init__(self, name: str, *, workers: int, breaker: CircuitBreaker | None = None) -> None:
        self._free = threading.BoundedSemaphore(workers)
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix=name)
        self._breaker = breaker or CircuitBreaker()

    @property
    def is_open(self) -> bool:
        """Whether the circuit breaker holds calls back."""
        return self._breaker.is_open

    def close(self) -> None:
        """Take no more calls; those that wait are dropped."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def call(self, work: Callable[[float], bytes], read: Callable[[bytes], Candidates], ends: float) -> Candidates:
        """Ask, and wait for the answer until `ends`.

        Args:
            work: Asks, on a thread; told when it ends, it raises nothing but `RetrievalUnavailable`.
            read: Reads the answer; a ValueError says that it is no answer.
            ends: On the clock of `time.monotonic`.

        Raises:
            RetrievalUnavailable: `circuit_open`, `busy`, `timeout`, `bad_answer`, `error` (no thread, or closed
                meanwhile), or what `work` raised.
        """
        if not self._breaker.admit():
            raise RetrievalUnavailable("circuit_open")
        try:
            found = self._in_time(work, read, ends)
        except RetrievalUnavailable as unavailable:
            # A request that the tier refuses says nothing against the tier.
            if unavailable.reason == "rejected":
                self._breaker.succeeded()
            else:
                self._breaker.failed()
            raise
        self._breaker.succeeded()
        return found

    def _in_time(self, work: Callable[[float], bytes], read: Callable[[bytes], Candidates], ends: float) -> Candidates:
        left = ends - time.monotonic()
        if left <= 0:
            raise RetrievalUnavailable("timeout", "the request's own time is over")
        try:
            answer = self._submit(work, ends).result(left)
        except FutureTimeoutError:
            raise RetrievalUnavailable("timeout", f"no answer within {left:.2f} s") from None
        except CancelledError:
            raise RetrievalUnavailable("error", "the client was closed") from None
        try:
            return read(answer)
        except ValueError as error:
            raise RetrievalUnavailable("bad_answer", str(error)) from None

    def _submit(self, work: Callable[[float], bytes], ends: float) -> Future[bytes]:
        """Hand a call to a thread; it is one of those under way until the thread is done with it."""
        if not self._free.acquire(blocking=False):
            raise RetrievalUnavailable("busy", "as many calls as allowed are under way")
        try:
            future = self._threads.submit(work, ends)
        except RuntimeError as error:  # closed, or the machine has no thread left
            self._free.release()
            raise RetrievalUnavailable("error", f"no thread: {error}") from None
        future.add_done_callback(lambda _: self._free.release())
        return future


def read_whole(read: Callable[[int], bytes], ends: float) -> bytes:
    """An answer's bytes.

    Args:
        read: Gives at most so many of the next bytes, none at the end.
        ends: On the clock of `time.monotonic`.

    Raises:
        RetrievalUnavailable: `bad_answer` if they are too many, `timeout` if they come too slowly.
    """
    parts: list[bytes] = []
    size = 0
    while part := read(CHUNK):
        parts.append(part)
        size += len(part)
        if size > MAX_ANSWER_BYTES:
            raise RetrievalUnavailable("bad_answer", f"more than {MAX_ANSWER_BYTES} bytes")
        if time.monotonic() > ends:
            raise RetrievalUnavailable("timeout", "the answer comes too slowly")
    return b"".join(parts)


def reason_of_status(status: int | None) -> str:
    """The reason of a `RetrievalUnavailable` for a retrieval server's status other than 200."""
    return "rejected" if status in {400, 413, 422} else "not_ready" if status in {404, 503} else "error"


class Asks(Protocol):
    """A client of a retrieval tier."""

    def candidates(self, query: Query, version: str) -> Candidates:
        """Candidates of a bundle, or `RetrievalUnavailable`."""


class BoundRetriever:
    """A `marquee.retrieval.port.Retriever` that asks for one bundle's candidates."""

    def __init__(self, client: Asks, version: str) -> None:
        self._client = client
        self._version = version

    def candidates(self, seed_movie_ids: Sequence[int], k: int, where: Where) -> Candidates:
        """See `marquee.retrieval.port.Retriever.candidates`."""
        return self._client.candidates(Query(tuple(seed_movie_ids), k, where), self._version)
