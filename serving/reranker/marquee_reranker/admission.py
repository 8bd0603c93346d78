"""Admission: how many requests are in progress at once, and how long others may wait for a place.

A fixed limit is either too low for requests that wait for another server or too high for those that compute. So both
limits follow measured times: the queue is short whenever it is standing and not a burst (CoDel: K. Nichols and
V. Jacobson, "Controlling queue delay", ACM Queue 2012, in the form of B. Maurer, "Fail at scale", ACM Queue 2015), and
fewer requests are in progress when more only make each of them slower (AIMD on latency, as TCP Vegas).
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from statistics import quantiles

TARGET_SECONDS = 0.005
"""The longest that a request waits in a standing queue, or twice as long as answers take."""
INTERVAL_SECONDS = 0.1
"""After this time without a moment in which nobody waits, the queue is no burst, but standing; until nobody was refused
for as long, since a standing queue that is short has such moments."""
LAPSE_SECONDS = 0.02
"""A longer time in which nobody comes or goes is no load: the process was held up, by a bundle that loads, say."""
WINDOW = 50
"""Number of answers after which the limit is set anew."""
LEAST = 4
SLOWDOWN = 2.0
"""More than this times the latency of an idle server, and the limit falls."""


class RefusedError(Exception):
    """There is no place for a request; `reason` is `queue_full` or `queue_timeout`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Admission:
    """Places for up to `limit` requests, and a queue of up to `max_queue` in order of arrival. For one event loop.

    Args:
        limit: The most places; where it is above LEAST, latency lowers it.
        max_queue: The most requests that wait.
        queue_seconds: The longest time that a request waits.
        clock: Seconds that only increase.
    """

    def __init__(
        self,
        limit: int,
        *,
        max_queue: int,
        queue_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limit = self._most = limit
        self.in_progress = 0
        self._max_queue = max_queue
        self._queue_seconds = queue_seconds
        self._clock = clock
        self._waiting: deque[tuple[float, asyncio.Future[str]]] = deque()
        self._empty_at = self._refused_at = self._looked_at = clock()  # when nobody waited last; see _look
        self._standing = False
        self._timer: asyncio.TimerHandle | None = None
        self._latencies: list[float] = []
        self._target = TARGET_SECONDS
        self._usual = 0.0  # lower quartile of the latency, lately
        self._least = 0.0  # lower quartile of the latency, when the server was least busy
        self._queued = False  # since the limit was last set

    @property
    def n_present(self) -> int:
        """Number of requests in progress and in the queue."""
        return self.in_progress + len(self._waiting)

    @property
    def is_overloaded(self) -> bool:
        """Whether the queue is standing, and so long that another request would wait in vain."""
        self._look()
        return self._standing and len(self._waiting) * self._usual / self.limit > self._target

    def request(self) -> asyncio.Future[str]:
        """Ask for a place: the result is "" when there is one, else why it is refused. Raises `RefusedError`."""
        now = self._look()
        turn: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        if self.in_progress < self.limit and not self._waiting:
            self._empty_at = now
            self.in_progress += 1
            turn.set_result("")
            return turn
        if len(self._waiting) >= self._max_queue or self.is_overloaded:
            self._refused_at = now
            raise RefusedError("queue_full")
        self._queued = True
        self._waiting.append((now, turn))
        self._admit()
        return turn

    async def enter(self) -> float:
        """Take a place, after waiting if necessary; returns the time, for `leave`. Raises `RefusedError`."""
        turn = self.request()
        try:
            refused = await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and not turn.result():  # cancelled after it got its place
                self._release()
            raise
        if refused:
            raise RefusedError(refused)
        return self._clock()

    def leave(self, entered: float) -> None:
        """Give the place of a request that entered then to the next one."""
        self._latencies.append(self._clock() - entered)
        if len(self._latencies) >= WINDOW:
            self._adapt()
        self._release()

    def _release(self) -> None:
        self.in_progress -= 1
        self._admit()

    def _look(self) -> float:
        """The time, after a look at whether the queue stands; time in which the process was held up doesn't count."""
        now = self._clock()
        lapse = max(0.0, now - self._looked_at - LAPSE_SECONDS)
        self._looked_at = now
        self._empty_at += lapse
        self._refused_at += lapse
        if self._waiting and now - self._empty_at > INTERVAL_SECONDS:
            self._standing = True
        elif now - self._refused_at > INTERVAL_SECONDS:
            self._standing = False
        return now

    def _admit(self) -> None:
        """Give free places to those who wait, and refuse those who waited too long."""
        now = self._look()
        while self._waiting:
            since, turn = self._waiting[0]
            longest = min(self._target, self._queue_seconds) if self._standing else self._queue_seconds
            if turn.done():  # cancelled
                self._waiting.popleft()
            elif now - since >= longest:
                self._waiting.popleft()
                self._refused_at = now
                turn.set_result("queue_timeout")
            elif self.in_progress < self.limit:
                self._waiting.popleft()
                self.in_progress += 1
                turn.set_result("")
            else:
                if self._timer is None:
                    self._timer = asyncio.get_running_loop().call_later(since + longest - now, self._expire)
                return
        self._empty_at = now

    def _expire(self) -> None:
        self._timer = None
        self._admit()

    def _adapt(self) -> None:
        """Set the limit by the latencies since it was last set; their lower quartile, since requests differ."""
        self._usual = quartile = quantiles(self._latencies, n=4)[0]
        # The least rises slowly, so that a model that takes longer is not taken for load for ever.
        self._least = min(quartile, self._least * 1.01) if self._least else quartile
        self._target = max(TARGET_SECONDS, SLOWDOWN * quartile)  # else long answers would leave places empty
        if quartile > SLOWDOWN * self._least:
            self.limit = max(min(LEAST, self._most), int(self.limit * 0.9))
        elif self._queued:
            self.limit = min(self._most, self.limit + 1)
        self._latencies.clear()
        self._queued = False
