"""Request context: ids that are passed on to all tiers, so that their log lines can be joined, and the deadline."""

import math
import re
import uuid
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass

_REQUEST_ID = re.compile(r"[\x20-\x7e]{1,128}")
_TRACESTATE = re.compile(r"[\x20-\x7e]{1,512}")
# https://www.w3.org/TR/trace-context/#traceparent-header
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


@dataclass(frozen=True)
class RequestContext:
    """Ids sent along with every call made for a request; traceparent and tracestate as in W3C Trace Context."""

    request_id: str = ""
    traceparent: str = ""
    tracestate: str = ""

    @classmethod
    def from_headers(cls, headers: Mapping[str, str]) -> "RequestContext":
        """The client's ids where they are well-formed, else a new request id (names of headers in lower case)."""
        given = headers.get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        parent, state = headers.get("traceparent", ""), headers.get("tracestate", "")
        if not _TRACEPARENT.fullmatch(parent):
            return cls(request_id)
        return cls(request_id, parent, state if _TRACESTATE.fullmatch(state) else "")

    def headers(self) -> dict[str, str]:
        """The headers that are set."""
        named = {"X-Request-ID": self.request_id, "traceparent": self.traceparent, "tracestate": self.tracestate}
        return {name: value for name, value in named.items() if value}

    @property
    def trace_id(self) -> str:
        """The traceparent's trace id; "" where there is none."""
        return self.traceparent.split("-")[1] if self.traceparent else ""


_NO_REQUEST = RequestContext()
# Set once per request by the server or Lambda; threads that work for the request see a copy.
request_context: ContextVar[RequestContext] = ContextVar("request_context", default=_NO_REQUEST)
# When the request is abandoned, by `time.monotonic`; retrieval must have answered before.
deadline: ContextVar[float] = ContextVar("deadline", default=math.inf)
