"""Progress of a long read or download: a bar on a terminal, plain lines elsewhere, always on stderr."""

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

_BAR_AFTER_S = 0.5  # what is over sooner than this needs no bar
_LINE_EVERY_S = 5.0


def say(line: str) -> None:
    """Prints one line for people on stderr."""
    print(line, file=sys.stderr, flush=True)


class ByteProgress:
    """Counts bytes of a job and shows them once it takes a while.

    Args:
        label: What is going on, such as "reading ml-25m".
        total: Bytes of the whole job; None = unknown.
        show: True = from the start, None = once it takes a while, False = never.
    """

    def __init__(self, label: str, total: int | None, *, show: bool | None = None) -> None:
        self._label, self._total, self._show = label, total, show
        self._done = 0
        self._bar: tuple[Progress, TaskID] | None = None
        self._terminal = sys.stderr.isatty()
        delay = _BAR_AFTER_S if self._terminal else _LINE_EVERY_S
        self._next = time.monotonic() + (0.0 if show else delay)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar[0].stop()

    def advance(self, n_bytes: int) -> None:
        """Adds bytes that are done, and shows them if it is time."""
        self._done += n_bytes
        if self._bar:
            self._bar[0].update(self._bar[1], completed=self._done)
        elif self._show is not False and time.monotonic() >= self._next:
            if self._terminal:
                self._bar = self._start_bar()
            else:
                self._next = time.monotonic() + _LINE_EVERY_S
                share = f"{100 * self._done / self._total:.0f} % of " if self._total else ""
                say(f"{self._label}: {share}{(self._total or self._done) / 1e6:.1f} MB")

    def _start_bar(self) -> tuple[Progress, TaskID]:
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
        bar = Progress(*columns, console=Console(stderr=True), transient=True)
        task = bar.add_task(self._label, total=self._total, completed=self._done)
        bar.start()
        return bar, task
