"""Who asks: what a request carries through all tiers, so that their logs can be put together."""

from contextvars import ContextVar
from dataclasses import dataclass


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


NOBODY = Caller()
# Set by a way in, once per request; threads that the request is handed to see a copy.
caller: ContextVar[Caller] = ContextVar("caller", default=NOBODY)
