"""Posters out of memory or from TMDB: in time or not at all, few at once, and none while TMDB is known to be down."""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from marquee.retrieval.remote import CircuitBreaker
from marquee.settings import Settings
from marquee_reranker.posters.cache import Poster, PosterCache
from marquee_reranker.posters.tmdb import Tmdb, TmdbUnavailable

logger = logging.getLogger("marquee.posters")

SECONDS = 2.0
AT_ONCE = 4
# So many films are asked for or wait; a page shows fewer.
MOST = 64


class Posters:
    """Posters by TMDB id. `get` is for the event loop; calls run on threads of their own.

    Threads are bounded, since a name that can't be looked up holds one beyond any timeout of a socket; those are few,
    and the rest of the server has none of them.

    Args:
        tmdb: Asked for what isn't in memory.
        cache: The memory.
        seconds: How long a poster may take in all, waiting included.
        at_once: Calls at once; the rest waits.
        most: Films that are asked for or wait; one more gets none.
        breaker: When to stop asking.
        on_result: Told of each poster: `kept`, `fetched`, `none`, or why not.
    """

    def __init__(
        self,
        tmdb: Tmdb,
        *,
        cache: PosterCache | None = None,
        seconds: float = SECONDS,
        at_once: int = AT_ONCE,
        most: int = MOST,
        breaker: CircuitBreaker | None = None,
        on_result: Callable[[str], object] = lambda _: None,
    ) -> None:
        self._tmdb = tmdb
        self._cache = cache or PosterCache()
        self._seconds = seconds
        self._most = most
        self._breaker = breaker or CircuitBreaker(longest_pause=30.0)
        self._on_result = on_result
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="posters")
        self._running: dict[int, Future[tuple[Poster | None, str]]] = {}

    @classmethod
    def of_settings(cls, settings: Settings, on_result: Callable[[str], object]) -> "Posters | None":
        """As the settings say; None without a key.

        Raises:
            ConfigError: The key can't be one.
        """
        key = settings.tmdb_key.get_secret_value().strip()
        if not key:
            return None
        tmdb = Tmdb(key, url=settings.tmdb_url, image_url=settings.tmdb_image_url, connections=AT_ONCE)
        return cls(tmdb, on_result=on_result)

    def close(self) -> None:
        """Take no more calls; those that wait are dropped."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._tmdb.close()

    async def get(self, tmdb_id: int) -> Poster | None:
        """A film's poster; None if there is none, or none in time."""
        poster, result = await self._get(tmdb_id)
        self._on_result(result)
        return poster

    async def _get(self, tmdb_id: int) -> tuple[Poster | None, str]:
        kept = self._cache.get(tmdb_id)
        if kept is not None:
            return kept.poster, "kept" if kept.poster else "none"
        running = self._running.get(tmdb_id)
        if running is not None:  # somebody asked for the same a moment ago
            return await self._wait(running) or (None, "timeout")
        if len(self._running) >= self._most:
            return None, "busy"
        try:
            future = self._threads.submit(self._fetch, tmdb_id, time.monotonic() + self._seconds)
        except RuntimeError as error:  # closed, or the machine has no thread left
            logger.warning("posters: no thread: %s", error)
            return None, "error"
        self._running[tmdb_id] = future
        future.add_done_callback(lambda _: self._running.pop(tmdb_id, None))
        found = await self._wait(future)
        if found is None:
            # One that hasn't begun only had to wait too long, which says nothing against TMDB.
            if not future.cancel():
                self._breaker.failed()
            return None, "timeout"
        return found

    async def _wait(self, future: Future[tuple[Poster | None, str]]) -> tuple[Poster | None, str] | None:
        waiting = asyncio.wrap_future(future)
        done, _ = await asyncio.wait([waiting], timeout=self._seconds)
        return waiting.result() if done and not waiting.cancelled() else None

    def _fetch(self, tmdb_id: int, ends: float) -> tuple[Poster | None, str]:
        """On a thread. Raises nothing, since nobody may be waiting any more."""
        was_open = self._breaker.is_open
        if not self._breaker.admit():
            return None, "circuit_open"
        try:
            poster = self._tmdb.poster(tmdb_id, ends)
        except TmdbUnavailable as unavailable:
            self._breaker.failed()
            if not was_open:
                logger.warning("posters: %s: %s", unavailable.reason, unavailable.message)
            return None, unavailable.reason
        self._breaker.succeeded()
        if was_open:
            logger.info("TMDB answers again")
        self._cache.put(tmdb_id, poster)
        return poster, "fetched" if poster else "none"
