"""Asks a retrieval server, never longer than a deadline, whatever the server or the network does."""

import logging
import time
from collections.abc import Callable
from functools import partial

import urllib3
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ReadTimeoutError

from marquee.api.request_context import request_context
from marquee.errors import RetrievalUnavailable
from marquee.retrieval.breaker import CircuitBreaker
from marquee.retrieval.connections import make_pool
from marquee.retrieval.port import Candidates, Query
from marquee.retrieval.remote import BoundedCalls, BoundRetriever, read_whole, reason_of_status
from marquee.retrieval.wire import ask, read_answer
from marquee.retrieval.wire.body import Protocol
from marquee.retrieval.wire.v2 import MODEL_NAME

logger = logging.getLogger("marquee.retrieval.port")

PATHS: dict[Protocol, str] = {"v1": f"/v1/models/{MODEL_NAME}:predict", "v2": f"/v2/models/{MODEL_NAME}/infer"}
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
        self._calls = BoundedCalls("retrieval", workers=workers, breaker=breaker)
        self._on_result = on_result

    def of(self, version: str) -> BoundRetriever:
        """A retriever that asks for candidates of this bundle."""
        return BoundRetriever(self, version)

    @property
    def is_open(self) -> bool:
        """Whether the circuit breaker holds calls back."""
        return self._calls.is_open

    def close(self) -> None:
        """Close all connections."""
        self._calls.close()
        self._pool.close()

    def candidates(self, query: Query, version: str) -> Candidates:
        """Ask the server.

        Raises:
            RetrievalUnavailable: With the reason `circuit_open`, `busy`, `refused`, `timeout`, `connection_lost`,
                `not_ready`, `rejected`, `error` or `bad_answer`.
        """
        ends = time.monotonic() + self._seconds
        headers = {"Content-Type": "application/json", "Accept": "application/json", **request_context.get().headers()}
        work = partial(self._attempts, ask(query, self._protocol, version), headers)
        was_open = self._calls.is_open
        try:
            found = self._calls.call(work, lambda answer: read_answer(answer, self._protocol, query.k), ends)
        except RetrievalUnavailable as unavailable:
            if not was_open and unavailable.reason != "circuit_open":
                logger.warning("retrieval: %s: %s", unavailable.reason, unavailable.message)
            self._on_result(unavailable.reason)
            raise
        if was_open:
            logger.info("retrieval answers again")
        self._on_result("ok")
        return found

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
            content = read_whole(response.read1, deadline)
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


def _check(status: int, content: bytes) -> None:
    if status == 200:
        return
    raise RetrievalUnavailable(reason_of_status(status), f"HTTP {status}: {content[:200].decode(errors='replace')}")
