"""Client of a retrieval server over HTTP with a hard deadline."""

import random
import time
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from functools import partial

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ReadTimeoutError

from marquee.api.request_context import request_context
from marquee.errors import RetrievalUnavailable
from marquee.retrieval.port import Query
from marquee.retrieval.remote import LostConnection, RemoteClient, pooled, read_whole, reason_of_status
from marquee.retrieval.wire import PATHS, Protocol, ask


class _Aging:
    """Connection that counts as dropped after `max_age` seconds, so that a Service's new pods get traffic."""

    max_age = 30.0
    _ends = 0.0

    def connect(self) -> None:
        super().connect()  # type: ignore[misc]
        # Spread, so that a pool does not reconnect all at once.
        self._ends = time.monotonic() + self.max_age * random.uniform(0.75, 1.0)  # noqa: S311 - no secret

    @property
    def is_connected(self) -> bool:
        return time.monotonic() < self._ends and bool(super().is_connected)  # type: ignore[misc]


@dataclass(eq=False)
class RetrievalClient(RemoteClient):
    """Client of one address, a URL without a path. Thread-safe; `retriever` returns the retriever of a bundle.

    Connecting may take `connect_seconds`, and a connection is used for at most `connection_seconds`.
    """

    url: str
    _: KW_ONLY
    protocol: Protocol = "v2"
    seconds: float = 0.25
    connect_seconds: float = 0.05
    connection_seconds: float = 30.0
    workers: int = 32

    def __post_init__(self) -> None:
        super().__post_init__()
        self._pool = urllib3.connection_from_url(self.url, maxsize=self.workers, block=False, retries=False)
        secure = isinstance(self._pool, urllib3.HTTPSConnectionPool)
        bases = (_Aging, HTTPSConnection if secure else HTTPConnection)
        self._pool.ConnectionCls = type("AgingConnection", bases, {"max_age": self.connection_seconds})

    def close(self) -> None:
        """See `RemoteClient.close`."""
        super().close()
        self._pool.close()

    def _prepare(self, query: Query, version: str) -> Callable[[float], bytes]:
        headers = {"Content-Type": "application/json", "Accept": "application/json", **request_context.get().headers()}
        return partial(self._ask, ask(query, self.protocol, version), headers)

    def _ask(self, body: bytes, headers: dict[str, str], ends: float) -> bytes:
        left = max(0.001, ends - time.monotonic())
        timeout = urllib3.Timeout(connect=min(self.connect_seconds, left), read=left)
        try:
            response = self._pool.urlopen(
                "POST", PATHS[self.protocol], body, headers, timeout=timeout, redirect=False, preload_content=False
            )
        except (NewConnectionError, ConnectTimeoutError) as error:
            raise LostConnection("refused", str(error)) from None
        except ReadTimeoutError as error:
            raise RetrievalUnavailable("timeout", str(error)) from None
        except HTTPError as error:  # the connection ended before an answer began
            raise LostConnection("connection_lost", str(error)) from None
        try:
            with pooled(response):
                content = read_whole(response.read1, ends)
        except ReadTimeoutError as error:
            raise RetrievalUnavailable("timeout", str(error)) from None
        except HTTPError as error:
            raise RetrievalUnavailable("connection_lost", str(error)) from None
        if response.status == 200:
            return content
        message = f"HTTP {response.status}: {content[:200].decode(errors='replace')}"
        raise RetrievalUnavailable(reason_of_status(response.status), message)
