"""Canary of a retrieval server: a share of the requests goes to it, and what it fails to answer to the stable one."""

import hashlib
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass

from marquee.api.request_context import deadline, request_context
from marquee.errors import RetrievalUnavailable
from marquee.retrieval.port import Candidates, Where
from marquee.retrieval.remote import RESERVE, BoundRetriever


@dataclass(frozen=True)
class CanaryRetriever:
    """Retriever that asks the canary in a share of the requests. Thread-safe.

    Args:
        stable: Asked in all other requests, and where the canary fails, in the time that is left of `seconds`.
        canary: Its time limit is shorter than `seconds`, so that the stable server can still answer.
        share: From 0 to 1. All calls of a request go the same way, and so do those of its repetition with the same id.
        seconds: Time limit of both together.
    """

    stable: BoundRetriever
    canary: BoundRetriever
    share: float
    seconds: float

    def candidates(self, seed_movie_ids: Sequence[int], k: int, where: Where) -> Candidates:
        """See `marquee.retrieval.port.Retriever.candidates`."""
        if draw(request_context.get().request_id) >= self.share:
            return self.stable.candidates(seed_movie_ids, k, where)
        before = deadline.set(min(deadline.get(), time.monotonic() + self.seconds + RESERVE))
        try:
            return self.canary.candidates(seed_movie_ids, k, where)
        except RetrievalUnavailable:  # counted and logged by its client
            return self.stable.candidates(seed_movie_ids, k, where)
        finally:
            deadline.reset(before)


def draw(request_id: str) -> float:
    """A number from 0 to below 1, uniform over ids and the same for the same id; random without an id."""
    if not request_id:
        return random.random()  # noqa: S311 - no secret
    return int.from_bytes(hashlib.sha256(request_id.encode()).digest()[:4]) / 2**32
