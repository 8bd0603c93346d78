"""What boto3 raises, in the words of the retrieval contract."""

from typing import Any

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

from marquee.retrieval.remote import reason_of_status

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
