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
        self._closed_again_at = 0.0  # when the next trial may start

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
            if self.is_open and now < self._closed_again_at:
                return False
            self._closed_again_at = now + self._pause  # the others wait for this trial
            return True

    def succeeded(self) -> None:
        """A call was answered."""
        if self._failed:
            with self._lock:
                self._failed, self._pause = 0, self._first_pause

    def failed(self) -> None:
        """A call wasn't."""
        with self._lock:
            if self._failed >= self._limit:
                self._pause = min(2 * self._pause, self._longest_pause)
            self._failed += 1
            if self._failed >= self._limit:
                self._closed_again_at = self._clock() + self._pause
