"""Base of the retrieval clients `http` and `sagemaker`: deadlines, a bounded number of calls, a circuit breaker."""

import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import contextmanager
from dataclasses import dataclass, field

from marquee.api.request_context import deadline
from marquee.errors import RetrievalUnavailable, Unavailable
from marquee.retrieval.port import Candidates, Query, Where

logger = logging.getLogger("marquee.retrieval")

LEAST_LEFT = 0.1  # seconds; with less, a second attempt would only be a second failure
RESERVE = 0.25  # seconds that the way in needs after retrieval, to answer from the next rung
MAX_ANSWER_BYTES = 4 * 1024 * 1024  # a serverless SageMaker endpoint's own limit
CHUNK = 65536


@dataclass(eq=False, kw_only=True)
class CircuitBreaker:
    """Circuit breaker (Nygard, Release It!, 5.2). Thread-safe.

    It opens after `failures` failed calls in a row. Then one trial call at a time is admitted: the first after `pause`
    seconds, and after each failed trial twice as long, at most `longest_pause`. A successful call closes it.
    """

    failures: int = 5
    pause: float = 0.5
    longest_pause: float = 4.0
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._failed = 0
        self._pause = self.pause
        self._next_trial = 0.0  # earliest time
        self._on_trial = False  # a trial was admitted and its result is not reported yet

    @property
    def is_open(self) -> bool:
        """Whether calls are held back."""
        return self._failed >= self.failures

    def admit(self) -> bool:
        """Whether to make this call; if so, its result must be reported."""
        if not self.is_open:
            return True
        with self._lock:
            now = self.clock()
            if not self.is_open:  # closed while we waited for the lock
                return True
            if now < self._next_trial:
                return False
            self._on_trial, self._next_trial = True, now + self._pause  # the others wait for this trial
            return True

    def succeeded(self) -> None:
        """Report a call that was answered."""
        if self._failed:
            with self._lock:
                self._failed, self._pause, self._on_trial = 0, self.pause, False

    def failed(self) -> None:
        """Report a call that wasn't."""
        with self._lock:
            self._failed += 1
            if self._failed > self.failures:
                if not self._on_trial:
                    return  # a call from before it opened, which says nothing new
                self._on_trial = False
                self._pause = min(2 * self._pause, self.longest_pause)
            if self._failed >= self.failures:
                self._next_trial = self.clock() + self._pause


class LostConnection(RetrievalUnavailable):
    """The connection failed before an answer began; a second attempt is safe and may reach another pod."""


@dataclass(eq=False, kw_only=True)
class RemoteClient(ABC):
    """Client of a retrieval tier. Thread-safe.

    Calls run on its own threads: a library's timeouts apply to each read, and DNS lookups have none, so only waiting
    for a thread has a hard end.

    Args:
        seconds: Time limit of a call, all attempts included.
        workers: Number of concurrent calls. Further ones get `RetrievalUnavailable("busy")`.
        name: Name of the tier in logs.
        same_version: Whether an answer from another bundle is a failure, `version_skew`.
        on_result: Called after each call with "ok" or the reason of `RetrievalUnavailable`, and its milliseconds.
    """

    pause = 0.0  # seconds before a second attempt
    seconds: float
    workers: int
    name: str = "retrieval"
    same_version: bool = False
    breaker: CircuitBreaker = field(default_factory=CircuitBreaker)
    on_result: Callable[[str, float], object] = lambda *_: None

    def __post_init__(self) -> None:
        self._free = threading.BoundedSemaphore(self.workers)
        self._threads = ThreadPoolExecutor(self.workers, thread_name_prefix=self.name)

    @abstractmethod
    def _prepare(self, query: Query, version: str) -> Callable[[float], Candidates]:
        """A function for another thread that sends the query, given a deadline, and reads the answer.

        It raises RetrievalUnavailable, and ValueError for an answer that is none; `_prepare` itself only the former.
        """

    def retriever(self, version: str) -> "BoundRetriever":
        """Retriever of this bundle's candidates."""
        return BoundRetriever(self, version)

    def candidates(self, query: Query, version: str) -> Candidates:
        """Ask for a bundle's candidates; raises only RetrievalUnavailable, with a reason of docs/retrieval.md."""
        started, was_open = time.monotonic(), self.is_open
        try:
            # Before the breaker admits: what can't even be asked must not cost it a trial that nobody reports.
            ask = self._prepare(query, version)
            with self._reported():
                found = self._answer(ask, min(started + self.seconds, deadline.get() - RESERVE))
                if self.same_version and found.model_version != version:
                    raise RetrievalUnavailable("version_skew", f"it has {found.model_version}, not {version}")
        except RetrievalUnavailable as unavailable:
            if not was_open and unavailable.reason != "circuit_open":
                logger.warning("%s: %s: %s", self.name, unavailable.reason, unavailable.message)
            self.on_result(unavailable.reason, (time.monotonic() - started) * 1e3)
            raise
        if was_open:
            logger.info("%s answers again", self.name)
        self.on_result("ok", (time.monotonic() - started) * 1e3)
        return found

    def _attempt_twice(self, ask: Callable[[float], Candidates], ends: float) -> Candidates:
        try:
            return ask(ends)
        except LostConnection:
            if ends - time.monotonic() < self.pause + LEAST_LEFT:
                raise
        time.sleep(self.pause)
        return ask(ends)

    @property
    def is_open(self) -> bool:
        """Whether the circuit breaker holds calls back."""
        return self.breaker.is_open

    def close(self) -> None:
        """Take no more calls, drop those that wait, and close all connections."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    @contextmanager
    def _reported(self) -> Iterator[None]:
        """Ask the breaker, and report the result; a ValueError says that an answer is none."""
        if not self.breaker.admit():
            raise RetrievalUnavailable("circuit_open")
        try:
            yield
        except ValueError as error:
            self.breaker.failed()
            raise RetrievalUnavailable("bad_answer", str(error)) from None
        except RetrievalUnavailable as unavailable:
            # A request that the tier refuses says nothing against the tier.
            if unavailable.reason == "rejected":
                self.breaker.succeeded()
            else:
                self.breaker.failed()
            raise
        self.breaker.succeeded()

    def _answer(self, ask: Callable[[float], Candidates], ends: float) -> Candidates:
        if ends <= time.monotonic():
            raise RetrievalUnavailable("timeout", "the request's own time is over")
        if not self._free.acquire(blocking=False):
            raise RetrievalUnavailable("busy", "as many calls as allowed are under way")
        return self._run(ask, ends)

    def _run(self, ask: Callable[[float], Candidates], ends: float) -> Candidates:
        """Make the call on a thread of the client's, and wait no longer than until `ends`; frees the caller's place."""
        try:
            future = self._threads.submit(self._attempt_twice, ask, ends)
        except RuntimeError as error:  # closed, or the machine has no thread left
            self._free.release()
            raise RetrievalUnavailable("error", f"no thread: {error}") from None
        future.add_done_callback(lambda _: self._free.release())  # a late call counts until its thread is done
        try:
            return future.result(max(0.0, ends - time.monotonic()))
        except FutureTimeoutError:
            raise RetrievalUnavailable("timeout", "no answer in time") from None
        except CancelledError:
            raise RetrievalUnavailable("error", "the client was closed") from None


@dataclass(frozen=True)
class BoundRetriever:
    """A `marquee.retrieval.port.Retriever` of one bundle's candidates."""

    client: RemoteClient
    version: str

    def candidates(self, seed_movie_ids: Sequence[int], k: int, where: Where) -> Candidates:
        """See `marquee.retrieval.port.Retriever.candidates`."""
        return self.client.candidates(Query(tuple(seed_movie_ids), k, where), self.version)


def read_whole(
    read: Callable[[int], bytes],
    ends: float,
    *,
    limit: int = MAX_ANSWER_BYTES,
    unavailable: type[Unavailable] = RetrievalUnavailable,
    too_large: str = "bad_answer",
) -> bytes:
    """Read an answer until `ends` on the clock of `time.monotonic`.

    Raises:
        Unavailable: As the class `unavailable`, with the reason `too_large` (more than `limit` bytes) or `timeout`.
    """
    content = bytearray()
    while part := read(CHUNK):
        content += part
        if len(content) > limit:
            raise unavailable(too_large, f"more than {limit} bytes")
        if time.monotonic() > ends:
            raise unavailable("timeout", "the answer comes too slowly")
    return bytes(content)


def reason_of_status(status: int | None) -> str:
    """The reason of a `RetrievalUnavailable` for a retrieval server's status other than 200."""
    return "rejected" if status in {400, 413, 422} else "not_ready" if status in {404, 503} else "error"
