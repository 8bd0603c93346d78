"""Posters from memory or TMDB, with a time limit, few concurrent calls, and a circuit breaker."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import KW_ONLY, dataclass, field

from cachetools import TLRUCache

from marquee.retrieval.remote import CircuitBreaker
from marquee.settings import Settings
from marquee_reranker.posters.tmdb import Poster, Tmdb, TmdbUnavailable

logger = logging.getLogger("marquee.posters")

SECONDS = 2.0
AT_ONCE = 4
MAX_PENDING = 64  # a page shows fewer films
DAY = 24 * 3600.0
# Approximate size of a cache entry without its content, so that misses count.
OVERHEAD = 512


def poster_cache(
    max_bytes: int = 32 * 2**20, timer: Callable[[], float] = time.monotonic
) -> TLRUCache[int, Poster | None]:
    """A cache by TMDB id, of posters for a week and of misses for six hours."""
    return TLRUCache(
        max_bytes,
        ttu=lambda _, poster, now: now + (7 * DAY if poster else DAY / 4),
        timer=timer,
        getsizeof=lambda poster: OVERHEAD + (len(poster.content) if poster else 0),
    )


@dataclass(eq=False)
class Posters:
    """Posters by TMDB id. `get` runs on the event loop, calls to TMDB on a bounded number of threads.

    Args:
        seconds: Time limit of a poster, including waiting.
        at_once: Number of concurrent calls; further ones wait.
        most: Number of films in progress or waiting; further ones get no poster.
        on_result: Called for each poster with `kept`, `fetched`, `none`, or the reason of the failure.
    """

    tmdb: Tmdb
    _: KW_ONLY
    cache: TLRUCache[int, Poster | None] = field(default_factory=poster_cache)
    seconds: float = SECONDS
    at_once: int = AT_ONCE
    most: int = MAX_PENDING
    breaker: CircuitBreaker = field(default_factory=lambda: CircuitBreaker(longest_pause=30.0))
    on_result: Callable[[str], object] = lambda _: None

    def __post_init__(self) -> None:
        self._lock = threading.Lock()  # of the cache
        self._threads = ThreadPoolExecutor(self.at_once, thread_name_prefix="posters")
        self._running: dict[int, Future[tuple[Poster | None, str]]] = {}

    @classmethod
    def from_settings(cls, settings: Settings, on_result: Callable[[str], object]) -> "Posters | None":
        """Posters as configured; None without a key."""
        key = settings.tmdb_key.get_secret_value().strip()
        if not key:
            return None
        tmdb = Tmdb(key, url=settings.tmdb_url, image_url=settings.tmdb_image_url, connections=AT_ONCE)
        return cls(tmdb, on_result=on_result)

    def close(self) -> None:
        """Cancel waiting calls and accept no more."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self.tmdb.close()

    async def get(self, tmdb_id: int) -> Poster | None:
        """A film's poster; None if there is none, or none in time."""
        poster, result = await self._get(tmdb_id)
        self.on_result(result)
        return poster

    async def _get(self, tmdb_id: int) -> tuple[Poster | None, str]:
        try:
            with self._lock:
                poster = self.cache[tmdb_id]
        except KeyError:
            pass
        else:
            return poster, "kept" if poster else "none"
        running = self._running.get(tmdb_id)
        if running is not None:  # another request for the same film
            return await self._wait(running) or (None, "timeout")
        if len(self._running) >= self.most:
            return None, "busy"
        try:
            future = self._threads.submit(self._fetch, tmdb_id, time.monotonic() + self.seconds)
        except RuntimeError as error:  # closed, or the machine has no thread left
            logger.warning("posters: no thread: %s", error)
            return None, "error"
        self._running[tmdb_id] = future
        future.add_done_callback(lambda _: self._running.pop(tmdb_id, None))
        found = await self._wait(future)
        if found is None:
            # A call that has not begun only waited too long, which is no failure of TMDB.
            if not future.cancel():
                self.breaker.failed()
            return None, "timeout"
        return found

    async def _wait(self, future: Future[tuple[Poster | None, str]]) -> tuple[Poster | None, str] | None:
        waiting = asyncio.wrap_future(future)
        done, _ = await asyncio.wait([waiting], timeout=self.seconds)
        return waiting.result() if done and not waiting.cancelled() else None

    def _fetch(self, tmdb_id: int, ends: float) -> tuple[Poster | None, str]:
        """Runs on a thread. Never raises."""
        was_open = self.breaker.is_open
        if not self.breaker.admit():
            return None, "circuit_open"
        try:
            poster = self.tmdb.poster(tmdb_id, ends)
        except TmdbUnavailable as unavailable:
            self.breaker.failed()
            if not was_open:
                logger.warning("posters: %s: %s", unavailable.reason, unavailable.message)
            return None, unavailable.reason
        self.breaker.succeeded()
        if was_open:
            logger.info("TMDB answers again")
        with self._lock:
            self.cache[tmdb_id] = poster
        return poster, "fetched" if poster else "none"
