"""A client of a SageMaker endpoint, never slower than its deadline, whatever AWS or the network does.

The body is KServe's V1, as everywhere (`marquee.retrieval.wire`): SageMaker passes it to the container's
/invocations unchanged.
"""

import logging
import os
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ReadTimeoutError,
    ResponseStreamingError,
)
from botocore.parsers import ResponseParserError

from marquee.api.request_context import deadline, request_context
from marquee.errors import ConfigError, RetrievalUnavailable
from marquee.retrieval.port import Candidates, Query
from marquee.retrieval.remote import CircuitBreaker, RemoteClient, read_whole, reason_of_status
from marquee.retrieval.wire import ask, read_answer
from marquee.settings import Settings

logger = logging.getLogger("marquee.retrieval")

ATTEMPTS = 2
PAUSE = 0.05  # seconds before the second attempt
LEAST_LEFT = 0.1  # seconds; with less, a second attempt would only be a second failure
RESERVE = 0.25  # seconds that the way in needs after retrieval, to answer from the next rung
MAX_ATTRIBUTES = 1024  # characters, SageMaker's limit
# No answer had begun, or SageMaker asks to come back: a second attempt can't do harm and may fare better.
WORTH_A_RETRY = {"refused", "connection_lost", "throttled", "not_ready"}

# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html, and AWS's common errors.
_CODES = {
    "ThrottlingException": "throttled",
    "TooManyRequestsException": "throttled",
    "ServiceUnavailable": "not_ready",
    "ServiceUnavailableException": "not_ready",
    "ModelNotReadyException": "not_ready",
    "ValidationError": "not_found",
    "ValidationException": "not_found",
    "AccessDeniedException": "denied",
    "ExpiredTokenException": "denied",
    "InvalidSignatureException": "denied",
    "UnrecognizedClientException": "denied",
    "InvalidClientTokenId": "denied",
}
_STATUSES = {429: "throttled", 503: "not_ready", 403: "denied"}


class SageMakerClient(RemoteClient):
    """A client of one endpoint. Thread-safe; `retriever` makes the one for a bundle.

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
        on_result: Called after each call with "ok" or the reason of `RetrievalUnavailable`, and its milliseconds.

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
        super().__init__("sagemaker", workers=workers, breaker=breaker)
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
        self._on_result = on_result

    @classmethod
    def of_settings(
        cls, settings: Settings, *, on_result: Callable[[str, float], object], workers: int = 4
    ) -> "SageMakerClient":
        """A client of the endpoint that the settings name; raises as the constructor does."""
        return cls(
            settings.sagemaker_endpoint,
            region=settings.aws_region,
            seconds=settings.sagemaker_seconds,
            connect_seconds=settings.sagemaker_connect_seconds,
            read_seconds=settings.sagemaker_read_seconds,
            workers=workers,
            on_result=on_result,
        )

    def close(self) -> None:
        """See `RemoteClient.close`."""
        super().close()
        self._runtime.close()

    def candidates(self, query: Query, version: str) -> Candidates:
        """Ask the endpoint.

        Raises:
            RetrievalUnavailable: And nothing else. Reasons are those of `marquee.retrieval.http`, and `throttled`,
                `denied` (the role or its credentials) and `not_found` (no such endpoint, or it is not in service).
        """
        started = time.monotonic()
        try:
            found = self._call(
                # Before the breaker admits: what can't even be asked must not cost it a trial that nobody reports.
                partial(self._attempts, *_request(query, version)),
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


def _request(query: Query, version: str) -> tuple[bytes, dict[str, str]]:
    """The body and the headers that go along, or `RetrievalUnavailable` if the query can't be written as JSON."""
    try:
        return ask(query, "v1", version), _attributes()
    except (TypeError, ValueError) as error:
        raise RetrievalUnavailable("error", f"a query that can't be asked: {type(error).__name__}: {error}") from None


def _attributes() -> dict[str, str]:
    """Who asks. SageMaker drops every header but its own, and hands this one on to the container."""
    given = "; ".join(f"{name}={value}" for name, value in request_context.get().headers().items())
    return {"CustomAttributes": given[:MAX_ATTRIBUTES]} if given else {}


def reason_of(error: Exception) -> str:
    """The reason of a `RetrievalUnavailable` for what `invoke_endpoint`, or reading its answer, raised."""
    match error:
        case ClientError():
            return _of_service(error.response)
        case EndpointConnectionError() | ConnectTimeoutError():
            return "refused"
        case ReadTimeoutError():
            return "timeout"
        case ConnectionClosedError() | ResponseStreamingError() | HTTPClientError():
            return "connection_lost"
        case NoCredentialsError() | PartialCredentialsError():
            return "denied"
        case ResponseParserError():
            return "bad_answer"
        case BotoCoreError():
            return "error"
    return "timeout" if isinstance(error, TimeoutError) else "error"


def _of_service(response: Any) -> str:
    code = str(response.get("Error", {}).get("Code", ""))
    if code == "ModelError":  # the container's own answer
        return reason_of_status(response.get("OriginalStatusCode"))
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return _CODES.get(code) or _STATUSES.get(status, "error")
