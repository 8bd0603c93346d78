"""Show progress on stderr: a live bar on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from marquee.models.two_tower import TwoTower

BAR_AFTER_S = 0.5  # what is over sooner needs no bar
LINE_EVERY_S = 5.0

EpochReport = Callable[[int, int, dict[str, float]], None]
"""Called after each epoch with the epoch (1-based), the greatest number of epochs, and metrics."""
History = list[dict[str, float]]
"""The metrics of each epoch."""
Validate = Callable[[TwoTower], float]
"""A metric on validation people; the weights with the greatest value are kept."""


def say(line: str) -> None:
    """Print one line on stderr."""
    print(line, file=sys.stderr, flush=True)


class Reporter:
    """Stages of a run, each with a line when it ends, and epochs inside a stage."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._console = Console(stderr=True, highlight=False)

    def say(self, line: str) -> None:
        """Print one line, unless quiet."""
        if not self._quiet:
            self._console.print(line, soft_wrap=True)

    @contextmanager
    def stage(self, name: str, unit: str = "epoch") -> Iterator[EpochReport]:
        """Show a stage while it runs, counted in some unit, and how long it took."""
        if self._quiet:
            yield lambda *_: None
            return
        started = time.monotonic()
        next_line = started + LINE_EVERY_S
        latest: dict[str, float] = {}
        text, is_bar = TextColumn("{task.description}"), sys.stderr.isatty()
        columns = (SpinnerColumn(), text, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self._console, transient=True, disable=not is_bar) as progress:
            task = progress.add_task(name, total=None)

            def report(epoch: int, most: int, metrics: dict[str, float]) -> None:
                nonlocal next_line
                latest.update(metrics)
                progress.update(task, total=most, completed=epoch, description=f"{name}  {_summary(latest)}")
                if not is_bar and time.monotonic() >= next_line:
                    next_line = time.monotonic() + LINE_EVERY_S
                    self.say(f"  {name}: {unit} {epoch}/{most}  {_summary(latest)}")

            yield report
        self.say(f"{name}: {time.monotonic() - started:.1f} s  {_summary(latest)}".rstrip())


class ByteProgress:
    """Progress of a read or download of some bytes (None = unknown), shown once it takes a while."""

    def __init__(self, label: str, total: int | None, *, show: bool = True) -> None:
        self._label, self._total, self._show = label, total, show
        self._done = 0
        self._bar: tuple[Progress, TaskID] | None = None
        self._terminal = sys.stderr.isatty()
        self._next = time.monotonic() + (BAR_AFTER_S if self._terminal else LINE_EVERY_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar[0].stop()

    def advance(self, n_bytes: int) -> None:
        """Add bytes that are done, and show them if it is time."""
        self._done += n_bytes
        if self._bar:
            self._bar[0].update(self._bar[1], completed=self._done)
        elif self._show and time.monotonic() >= self._next:
            if self._terminal:
                columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
                bar = Progress(*columns, console=Console(stderr=True), transient=True)
                self._bar = bar, bar.add_task(self._label, total=self._total, completed=self._done)
                bar.start()
            else:
                self._next = time.monotonic() + LINE_EVERY_S
                share = f"{100 * self._done / self._total:.0f} % of " if self._total else ""
                say(f"{self._label}: {share}{(self._total or self._done) / 1e6:.1f} MB")


def _summary(metrics: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:.4f}" for name, value in metrics.items())
