"""Pooled connections that grow old: a Service's new pods would get no traffic from connections kept for ever."""

import random
import time
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection


class _Aging:
    """Mixed into a connection: after its time it counts as dropped, and the pool connects anew."""

    max_age = 30.0
    _ends = 0.0

    def connect(self) -> None:
        super().connect()  # type: ignore[misc]
        # Spread, so that a pool does not reconnect all at once.
        self._ends = time.monotonic() + self.max_age * random.uniform(0.75, 1.0)  # noqa: S311 - no secret

    @property
    def is_connected(self) -> bool:
        return time.monotonic() < self._ends and bool(super().is_connected)  # type: ignore[misc]


def make_pool(url: str, *, size: int, max_age: float) -> urllib3.HTTPConnectionPool:
    """A pool of connections to one address.

    Args:
        url: Such as http://two-tower-predictor or https://retrieval.example.org:8443.
        size: Connections that are kept.
        max_age: Seconds that a connection is used at most.
    """
    parts = urllib3.util.parse_url(url)
    arguments: dict[str, Any] = {"maxsize": size, "block": False, "retries": False}
    if parts.scheme == "https":
        secure = urllib3.HTTPSConnectionPool(parts.host or "", parts.port, **arguments)
        secure.ConnectionCls = type("AgingHTTPSConnection", (_Aging, HTTPSConnection), {"max_age": max_age})
        return secure
    pool = urllib3.HTTPConnectionPool(parts.host or "", parts.port, **arguments)
    pool.ConnectionCls = type("AgingHTTPConnection", (_Aging, HTTPConnection), {"max_age": max_age})
    return pool
