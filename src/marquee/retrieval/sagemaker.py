"""Asks a SageMaker endpoint, never longer than a deadline, whatever AWS or the network does.

The body is KServe's V1, as everywhere (`marquee.retrieval.wire`): SageMaker passes it to the container's
/invocations unchanged.
"""

import logging
import os
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from marquee.api.request_context import deadline, request_context
from marquee.errors import ConfigError, RetrievalUnavailable
from marquee.retrieval.breaker import CircuitBreaker
from marquee.retrieval.port import Candidates, Query
from marquee.retrieval.reasons import WORTH_A_RETRY, reason_of
from marquee.retrieval.remote import BoundedCalls, BoundRetriever, read_whole
from marquee.retrieval.wire import ask, read_answer
from marquee.settings import Settings

logger = logging.getLogger("marquee.retrieval.port")

ATTEMPTS = 2
PAUSE = 0.05  # seconds before the second attempt
LEAST_LEFT = 0.1  # seconds; with less, a second attempt would only be a second failure
RESERVE = 0.25  # seconds that the way in needs after retrieval, to answer from the next rung
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
        self._calls = BoundedCalls("sagemaker", workers=workers, breaker=breaker)
        self._on_result = on_result

    @classmethod
    def of_settings(
        cls, settings: Settings, *, on_result: Callable[[str, float], object], workers: int = 4
    ) -> "SageMakerClient":
        """A client of the endpoint that the settings name.

        Raises:
            ConfigError: No region is known.
        """
        return cls(
            settings.sagemaker_endpoint,
            region=settings.aws_region,
            seconds=settings.sagemaker_seconds,
            connect_seconds=settings.sagemaker_connect_seconds,
            read_seconds=settings.sagemaker_read_seconds,
            workers=workers,
            on_result=on_result,
        )

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
        self._runtime.close()

    def candidates(self, query: Query, version: str) -> Candidates:
        """Ask the endpoint.

        Raises:
            RetrievalUnavailable: And nothing else. Reasons are those of `marquee.retrieval.http`, and `throttled`,
                `denied` (the role or its credentials) and `not_found` (no such endpoint, or it is not in service).
        """
        started = time.monotonic()
        try:
            found = self._calls.call(
                # Before the breaker admits: what can't even be asked must not cost it a trial that nobody reports.
                partial(self._attempts, *_call(query, version)),
                lambda answer: read_answer(answer, "v1", query.k),
                min(started + self._seconds, deadline.get() - RESERVE),
            )
        except RetrievalUnavailable as unavailable:
            if unavailable.reason != "circuit_open":
                logger.warning("SageMaker endpoint %s: %s: %s", self._endpoint, unavailable.reason, unavailable.message)
            self._on_result(unavailable.reason, (time.monotonic() - started) * 1e3)
            raise
        self._on_result("ok", (time.monotonic() - started) * 1e3)
        return found

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
            with closing(answer["Body"]) as stream:
                return read_whole(stream.read, ends)
        except RetrievalUnavailable:
            raise
        except Exception as error:  # whatever boto3 raises, the port promises one kind of error
            raise RetrievalUnavailable(reason_of(error), f"{type(error).__name__}: {str(error)[:300]}") from None


def _call(query: Query, version: str) -> tuple[bytes, dict[str, str]]:
    """The body, and the headers that go along.

    Raises:
        RetrievalUnavailable: The query can't be written as JSON.
    """
    try:
        return ask(query, "v1", version), _attributes()
    except (TypeError, ValueError) as error:
        raise RetrievalUnavailable("error", f"a query that can't be asked: {type(error).__name__}: {error}") from None


def _attributes() -> dict[str, str]:
    """Who asks. SageMaker drops every header but its own, and hands this one on to the container."""
    given = "; ".join(f"{name}={value}" for name, value in request_context.get().headers().items())
    return {"CustomAttributes": given[:MAX_ATTRIBUTES]} if given else {}
