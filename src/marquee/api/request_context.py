"""Who asks: what a request carries through all tiers, so that their logs can be put together."""

import math
import re
import uuid
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass

_ACCEPTED_ID = re.compile(r"[\x20-\x7e]{1,128}")
_ACCEPTED_STATE = re.compile(r"[\x20-\x7e]{1,512}")
# https://www.w3.org/TR/trace-context/#traceparent-header
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


@dataclass(frozen=True)
class Caller:
    """Headers that are passed on with every call made for a request.

    Attributes:
        request_id: Ours or the client's.
        traceparent: Of the W3C Trace Context; "" where the client sent none.
        tracestate: Likewise.
    """

    request_id: str = ""
    traceparent: str = ""
    tracestate: str = ""

    def headers(self) -> dict[str, str]:
        """The headers that are set."""
        named = {"X-Request-ID": self.request_id, "traceparent": self.traceparent, "tracestate": self.tracestate}
        return {name: value for name, value in named.items() if value}

    @property
    def trace_id(self) -> str:
        """Of the traceparent; "" where there is none."""
        return self.traceparent.split("-")[1] if self.traceparent else ""


def caller_of(headers: Mapping[str, str]) -> Caller:
    """Who asks, by a request's headers (names in lower case): the client's ids where they can be trusted."""
    given = headers.get("x-request-id", "")
    request_id = given if _ACCEPTED_ID.fullmatch(given) else uuid.uuid4().hex
    parent, state = headers.get("traceparent", ""), headers.get("tracestate", "")
    if not _TRACEPARENT.fullmatch(parent):
        return Caller(request_id)
    return Caller(request_id, parent, state if _ACCEPTED_STATE.fullmatch(state) else "")


NOBODY = Caller()
# Set by a way in, once per request; threads that the request is handed to see a copy.
caller: ContextVar[Caller] = ContextVar("caller", default=NOBODY)
# When the way in gives up, on the clock of `time.monotonic`; retrieval must have answered before.
deadline: ContextVar[float] = ContextVar("deadline", default=math.inf)
