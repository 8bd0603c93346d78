"""Asks a SageMaker endpoint, never longer than a deadline, whatever AWS or the network does.

The body is KServe's V1, as everywhere (`marquee.wire`): SageMaker hands it to the container's /invocations untouched.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from marquee.breaker import CircuitBreaker
from marquee.caller import caller, deadline
from marquee.errors import ConfigError, RetrievalUnavailable
from marquee.retrieval import Candidates, Query, Where
from marquee.retrieval_sagemaker.reasons import WORTH_A_RETRY, reason_of
from marquee.wire import ask, read_answer

logger = logging.getLogger("marquee.retrieval")

ATTEMPTS = 2
PAUSE = 0.05  # seconds before the second attempt
LEAST_LEFT = 0.1  # seconds; with less, a second attempt would only be a second failure
RESERVE = 0.25  # seconds that the way in needs after retrieval, to answer from the next rung
MAX_ANSWER_BYTES = 4 * 1024 * 1024  # a serverless endpoint's own limit
MAX_ATTRIBUTES = 1024  # characters, SageMaker's limit


class SageMakerClient:
    """A client of one endpoint. Thread-safe; `of` makes the retriever for a bundle.

    Credentials come from where boto3 finds them (in Lambda: the function's role), and so does the address: with
    AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME set, boto3 asks there, which is how tests put a local server in its place.

    Args:
        endpoint: The endpoint's name.
        region: Such as eu-central-1; "" takes AWS_REGION, else boto3's own (AWS_DEFAULT_REGION, ~/.aws).
        seconds: For an answer, all attempts included.
        connect_seconds: For a connection, per attempt.
        read_seconds: For the next bytes of an answer, per attempt.
        workers: Calls at once. One more gets `RetrievalUnavailable("busy")`.
        breaker: When to stop asking.
        on_result: Told of each call "ok" or the reason why not, and how many milliseconds it took.

    Raises:
        ConfigError: No region is known.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        region: str = "",
        seconds: float = 1.8,
        connect_seconds: float = 0.3,
        read_seconds: float = 1.5,
        workers: int = 4,
        breaker: CircuitBreaker | None = None,
        on_result: Callable[[str, float], object] = lambda *_: None,
    ) -> None:
        config = Config(
            connect_timeout=connect_seconds,
            read_timeout=read_seconds,
            # Ours below: boto3 would wait for both attempts to time out, long after the deadline.
            retries={"mode": "standard", "total_max_attempts": 1},
            tcp_keepalive=True,
            max_pool_connections=workers,
        )
        try:
            # boto3 itself reads AWS_DEFAULT_REGION alone.
            where = region or os.environ.get("AWS_REGION") or None
            self._runtime = boto3.client("sagemaker-runtime", region_name=where, config=config)
        except BotoCoreError as error:
            fix = "set MARQUEE_AWS_REGION, or AWS_REGION, such as eu-central-1"
            raise ConfigError(f"no client for SageMaker: {error}", fix=fix) from None
        self._endpoint = endpoint
        self._seconds = seconds
        self._free = threading.BoundedSemaphore(workers)
        # As in marquee.retrieval_client: only waiting for a thread has a hard end, whatever happens below.
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="sagemaker")
        self._breaker = breaker or CircuitBreaker()
        self._on_result = on_result

    def of(self, version: str) -> "SageMakerRetriever":
        """A retriever that asks for candidates of this bundle."""
        return SageMakerRetriever(self, version)

    @property
    def is_open(self) -> bool:
        """Whether the circuit breaker holds calls back."""
        return self._breaker.is_open

    def close(self) -> None:
        """Close all connections."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._runtime.close()

    def candidates(self, query: Query, version: str) -> Candidates:
        """Ask the endpoint.

        Raises:
            RetrievalUnavailable: And nothing else. Reasons are those of `marquee.retrieval_client`, and `throttled`,
                `denied` (the role or its credentials) and `not_found` (no such endpoint, or it is not in service).
        """
        started = time.monotonic()
        try:
            found = self._guarded(query, version)
        except RetrievalUnavailable as unavailable:
            self._on_result(unavailable.reason, (time.monotonic() - started) * 1e3)
            raise
        self._on_result("ok", (time.monotonic() - started) * 1e3)
        return found

    def _guarded(self, query: Query, version: str) -> Candidates:
        if not self._breaker.admit():
            raise RetrievalUnavailable("circuit_open")
        try:
            found = self._within_the_deadline(query, version)
        except RetrievalUnavailable as unavailable:
            # A request that the container refuses says nothing against the endpoint.
            if unavailable.reason == "rejected":
                self._breaker.succeeded()
            else:
                self._breaker.failed()
            logger.warning("SageMaker endpoint %s: %s: %s", self._endpoint, unavailable.reason, unavailable.message)
            raise
        self._breaker.succeeded()
        return found

    def _within_the_deadline(self, query: Query, version: str) -> Candidates:
        now = time.monotonic()
        ends = min(now + self._seconds, deadline.get() - RESERVE)
        if ends <= now:
            raise RetrievalUnavailable("timeout", "the request's own time is over")
        if not self._free.acquire(blocking=False):
            raise RetrievalUnavailable("busy", "as many calls as allowed are under way")
        future = self._threads.submit(self._attempts, ask(query, "v1", version), _attributes(), ends)
        future.add_done_callback(lambda _: self._free.release())
        try:
            answer = future.result(ends - now)
        except FutureTimeoutError:
            raise RetrievalUnavailable("timeout", f"no answer within {ends - now:.2f} s") from None
        try:
            return read_answer(answer, "v1", query.k)
        except ValueError as error:
            raise RetrievalUnavailable("bad_answer", str(error)) from None

    def _attempts(self, body: bytes, attributes: dict[str, str], ends: float) -> bytes:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._attempt(body, attributes, ends)
            except RetrievalUnavailable as unavailable:
                last = attempt == ATTEMPTS or ends - time.monotonic() < PAUSE + LEAST_LEFT
                if last or unavailable.reason not in WORTH_A_RETRY:
                    raise
                time.sleep(PAUSE)
        raise AssertionError("the last attempt returns or raises")

    def _attempt(self, body: bytes, attributes: dict[str, str], ends: float) -> bytes:
        try:
            answer = self._runtime.invoke_endpoint(
                EndpointName=self._endpoint,
                ContentType="application/json",
                Accept="application/json",
                Body=body,
                **attributes,
            )
            return _read(answer["Body"], ends)
        except RetrievalUnavailable:
            raise
        except Exception as error:  # whatever boto3 raises, the port promises one kind of error
            raise RetrievalUnavailable(reason_of(error), f"{type(error).__name__}: {str(error)[:300]}") from None


def _attributes() -> dict[str, str]:
    """Who asks. SageMaker drops every header but its own, and hands this one on to the container."""
    given = "; ".join(f"{name}={value}" for name, value in caller.get().headers().items())
    return {"CustomAttributes": given[:MAX_ATTRIBUTES]} if given else {}


def _read(stream: Any, ends: float) -> bytes:
    parts: list[bytes] = []
    size = 0
    while part := stream.read(65536):
        parts.append(part)
        size += len(part)
        if size > MAX_ANSWER_BYTES:
            stream.close()
            raise RetrievalUnavailable("bad_answer", f"more than {MAX_ANSWER_BYTES} bytes")
        if time.monotonic() > ends:
            stream.close()
            raise RetrievalUnavailable("timeout", "the answer comes too slowly")
    return b"".join(parts)


class SageMakerRetriever:
    """A `marquee.retrieval.Retriever` that asks for one bundle's candidates."""

    def __init__(self, client: SageMakerClient, version: str) -> None:
        self._client = client
        self._version = version

    def candidates(self, seed_movie_ids: Sequence[int], k: int, where: Where) -> Candidates:
        """See `marquee.retrieval.Retriever.candidates`."""
        return self._client.candidates(Query(tuple(seed_movie_ids), k, where), self._version)
