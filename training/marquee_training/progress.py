"""Tell people how training goes: a live bar with metrics on a terminal, plain lines elsewhere. Always stderr."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

LINE_EVERY_S = 5.0


class EpochReport(Protocol):
    """Called after each epoch."""

    def __call__(self, epoch: int, most: int, metrics: dict[str, float]) -> None:
        """Epoch (1-based), the most epochs, and metrics of it."""


class Reporter:
    """Stages of a run, each with a line when it ends, and epochs inside a stage."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._console = Console(stderr=True, highlight=False)

    def say(self, line: str) -> None:
        """One line for people."""
        if not self._quiet:
            self._console.print(line, soft_wrap=True)

    @contextmanager
    def stage(self, name: str, unit: str = "epoch") -> Iterator[EpochReport]:
        """Show a stage while it runs, counted in some unit; says how long it took when it is over."""
        started = time.monotonic()
        if self._quiet:
            yield lambda *_, **__: None
            return
        last: dict[str, float] = {}
        if sys.stderr.isatty():
            columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
            with Progress(*columns, TimeElapsedColumn(), console=self._console, transient=True) as progress:
                task = progress.add_task(name, total=None)

                def show(epoch: int, most: int, metrics: dict[str, float]) -> None:
                    last.update(metrics)
                    progress.update(task, total=most, completed=epoch, description=f"{name}  {_words(last)}")

                yield show
        else:
            next_line = started + LINE_EVERY_S

            def line(epoch: int, most: int, metrics: dict[str, float]) -> None:
                nonlocal next_line
                last.update(metrics)
                if time.monotonic() >= next_line:
                    next_line = time.monotonic() + LINE_EVERY_S
                    self.say(f"  {name}: {unit} {epoch}/{most}  {_words(last)}")

            yield line
        self.say(f"{name}: {time.monotonic() - started:.1f} s  {_words(last)}".rstrip())


def _words(metrics: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:.4f}" for name, value in metrics.items())
