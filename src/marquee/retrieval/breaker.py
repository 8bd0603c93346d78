"""A circuit breaker (Nygard, Release It!, 5.2): don't wait for a tier that is known to be down."""

import threading
import time
from collections.abc import Callable


class CircuitBreaker:
    """Closed until `failures` calls in a row fail; then open, and one call at a time finds out whether to close.

    Args:
        failures: In a row, that open it.
        pause: Seconds until the first trial; each failed trial doubles it.
        longest_pause: Seconds, at most.
        clock: Of seconds.
    """

    def __init__(
        self,
        *,
        failures: int = 5,
        pause: float = 0.5,
        longest_pause: float = 4.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit = failures
        self._first_pause = pause
        self._longest_pause = longest_pause
        self._clock = clock
        self._lock = threading.Lock()
        self._failed = 0
        self._pause = pause
        self._next_trial = 0.0  # not before that
        self._on_trial = False  # whether a trial was admitted and hasn't reported

    @property
    def is_open(self) -> bool:
        """Whether calls are held back."""
        return self._failed >= self._limit

    def admit(self) -> bool:
        """Whether to make this call. Who is admitted must report what came of it."""
        if not self.is_open:
            return True
        with self._lock:
            now = self._clock()
            if not self.is_open:  # closed while we waited for the lock
                return True
            if now < self._next_trial:
                return False
            self._on_trial, self._next_trial = True, now + self._pause  # the others wait for this trial
            return True

    def succeeded(self) -> None:
        """A call was answered."""
        if self._failed:
            with self._lock:
                self._failed, self._pause, self._on_trial = 0, self._first_pause, False

    def failed(self) -> None:
        """A call wasn't."""
        with self._lock:
            self._failed += 1
            if self._failed > self._limit:
                if not self._on_trial:
                    return  # a call from before it opened, which says nothing new
                self._on_trial = False
                self._pause = min(2 * self._pause, self._longest_pause)
            if self._failed >= self._limit:
                self._next_trial = self._clock() + self._pause
