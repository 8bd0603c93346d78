"""Client of a SageMaker endpoint with a hard deadline.

SageMaker passes the body, KServe's V1 (`marquee.retrieval.wire`), to the container's /invocations unchanged. Reasons of
`RetrievalUnavailable` are those of `marquee.retrieval.http`, and also `throttled`, `denied` (the role or its
credentials) and `not_found` (no such endpoint, or it is not in service).
"""

import os
from collections.abc import Callable
from contextlib import closing
from dataclasses import KW_ONLY, dataclass
from functools import partial
from typing import Any

import botocore.exceptions as boto
from botocore.config import Config
from botocore.parsers import ResponseParserError
from botocore.session import Session

from marquee.api.request_context import request_context
from marquee.errors import ConfigError, RetrievalUnavailable
from marquee.retrieval.port import Candidates, Query
from marquee.retrieval.remote import LostConnection, RemoteClient, read_whole, reason_of_status
from marquee.retrieval.wire import ask, read_answer
from marquee.settings import Settings

MAX_ATTRIBUTES = 1024  # characters, SageMaker's limit
# No answer had begun, or SageMaker asks to come back: a second attempt can't do harm and may fare better.
WORTH_A_RETRY = {"refused", "connection_lost", "throttled", "not_ready"}

# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html, and AWS's common errors.
_CODES = {
    **dict.fromkeys(("ThrottlingException", "TooManyRequestsException"), "throttled"),
    **dict.fromkeys(("ServiceUnavailable", "ServiceUnavailableException", "ModelNotReadyException"), "not_ready"),
    **dict.fromkeys(("ValidationError", "ValidationException"), "not_found"),
    **dict.fromkeys(("AccessDeniedException", "ExpiredTokenException", "InvalidSignatureException"), "denied"),
    **dict.fromkeys(("UnrecognizedClientException", "InvalidClientTokenId"), "denied"),
}
_STATUSES = {429: "throttled", 503: "not_ready", 403: "denied"}


@dataclass(eq=False)
class SageMakerClient(RemoteClient):
    """Client of one endpoint. Thread-safe; `retriever` returns the retriever of a bundle.

    boto3 finds the credentials (in Lambda: the function's role) and the address (tests set
    AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME). `region` defaults to AWS_REGION, then to boto3's own (AWS_DEFAULT_REGION,
    ~/.aws); a ConfigError is raised without any. `connect_seconds` and `read_seconds` (until the next bytes of an
    answer) are per attempt.
    """

    pause = 0.05
    endpoint: str
    _: KW_ONLY
    region: str = ""
    seconds: float = 1.8
    connect_seconds: float = 0.3
    read_seconds: float = 1.5
    workers: int = 4

    def __post_init__(self) -> None:
        self.name = f"SageMaker endpoint {self.endpoint}"
        super().__post_init__()
        config = Config(
            connect_timeout=self.connect_seconds,
            read_timeout=self.read_seconds,
            # Ours below: boto3 would wait for both attempts to time out, long after the deadline.
            retries={"mode": "standard", "total_max_attempts": 1},
            tcp_keepalive=True,
            max_pool_connections=self.workers,
        )
        try:
            # boto3 itself reads AWS_DEFAULT_REGION alone. Its session is botocore's with S3 transfers on top, which
            # take long to import.
            where = self.region or os.environ.get("AWS_REGION") or None
            self._runtime = Session().create_client("sagemaker-runtime", region_name=where, config=config)
        except boto.BotoCoreError as error:
            fix = "set MARQUEE_AWS_REGION, or AWS_REGION, such as eu-central-1"
            raise ConfigError(f"no client for SageMaker: {error}", fix=fix) from None

    @classmethod
    def of_settings(
        cls, settings: Settings, *, on_result: Callable[[str, float], object], workers: int = 4
    ) -> "SageMakerClient":
        """Client of the endpoint in the settings; raises as the constructor does."""
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

    def _prepare(self, query: Query, version: str) -> Callable[[float], Candidates]:
        try:
            body = ask(query, "v1", version)
        except (TypeError, ValueError) as error:
            problem = f"a query that can't be asked: {type(error).__name__}: {error}"
            raise RetrievalUnavailable("error", problem) from None
        # SageMaker drops every header but its own, and hands this one on to the container.
        given = "; ".join(f"{name}={value}" for name, value in request_context.get().headers().items())
        return partial(self._ask, body, query.k, {"CustomAttributes": given[:MAX_ATTRIBUTES]} if given else {})

    def _ask(self, body: bytes, k: int, attributes: dict[str, str], ends: float) -> Candidates:
        try:
            answer = self._runtime.invoke_endpoint(
                EndpointName=self.endpoint,
                ContentType="application/json",
                Accept="application/json",
                Body=body,
                **attributes,
            )
            with closing(answer["Body"]) as stream:
                content = read_whole(stream.read, ends)
        except RetrievalUnavailable:
            raise
        except Exception as error:  # whatever boto3 raises, the port promises one kind of error
            reason = reason_of(error)
            kind = LostConnection if reason in WORTH_A_RETRY else RetrievalUnavailable
            raise kind(reason, f"{type(error).__name__}: {str(error)[:300]}") from None
        return read_answer(content, "v1", k)


def reason_of(error: Exception) -> str:
    """The reason of a `RetrievalUnavailable` for what `invoke_endpoint`, or reading its answer, raised."""
    match error:
        case boto.ClientError():
            return _reason_of_service(error.response)
        case boto.EndpointConnectionError() | boto.ConnectTimeoutError():
            return "refused"
        case boto.ReadTimeoutError() | TimeoutError():
            return "timeout"
        case boto.ConnectionClosedError() | boto.ResponseStreamingError() | boto.HTTPClientError():
            return "connection_lost"
        case boto.NoCredentialsError() | boto.PartialCredentialsError():
            return "denied"
        case ResponseParserError():
            return "bad_answer"
    return "error"


def _reason_of_service(response: Any) -> str:
    code = str(response.get("Error", {}).get("Code", ""))
    if code == "ModelError":  # the container's own answer
        return reason_of_status(response.get("OriginalStatusCode"))
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return _CODES.get(code) or _STATUSES.get(status, "error")
