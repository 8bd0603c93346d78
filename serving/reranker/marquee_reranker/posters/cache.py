"""Posters in memory, bounded: the ones least recently asked for go first. What isn't there is remembered as well."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

MIB = 2**20
DAY = 24 * 3600.0
# What an entry costs beside its bytes, roughly: else a million remembered misses would count for nothing.
OVERHEAD = 512


@dataclass(frozen=True)
class Poster:
    """A picture.

    Attributes:
        content: Its bytes.
        media_type: image/jpeg, image/png or image/webp.
    """

    content: bytes
    media_type: str


@dataclass(frozen=True)
class Kept:
    """An entry; `poster` is None where there is none to be had."""

    poster: Poster | None
    until: float


class PosterCache:
    """By TMDB id. Thread-safe.

    Args:
        max_bytes: Of all entries.
        seconds: How long a poster is kept at most.
        miss_seconds: How long it is remembered that there is none.
        clock: Of seconds.
    """

    def __init__(
        self,
        max_bytes: int = 32 * MIB,
        *,
        seconds: float = 7 * DAY,
        miss_seconds: float = DAY / 4,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_bytes = max_bytes
        self._seconds = seconds
        self._miss_seconds = miss_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: OrderedDict[int, Kept] = OrderedDict()
        self.size = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, tmdb_id: int) -> Kept | None:
        """What is known of a film's poster; None if nothing is."""
        with self._lock:
            kept = self._entries.get(tmdb_id)
            if kept is None:
                return None
            if self._clock() >= kept.until:
                self._drop(tmdb_id)
                return None
            self._entries.move_to_end(tmdb_id)
            return kept

    def put(self, tmdb_id: int, poster: Poster | None) -> None:
        """Keep a film's poster, or that it has none."""
        until = self._clock() + (self._seconds if poster else self._miss_seconds)
        with self._lock:
            if tmdb_id in self._entries:
                self._drop(tmdb_id)
            self._entries[tmdb_id] = Kept(poster, until)
            self.size += _size(poster)
            while self.size > self._max_bytes:
                self._drop(next(iter(self._entries)))

    def _drop(self, tmdb_id: int) -> None:
        self.size -= _size(self._entries.pop(tmdb_id).poster)


def _size(poster: Poster | None) -> int:
    return OVERHEAD + (len(poster.content) if poster else 0)
