"""Settings judged by several processes; the same marks however many there are.

Each works with one thread, so that nothing rounds by the number of threads, and writes its marks itself: whoever is
killed loses what was in flight and no more.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from threadpoolctl import threadpool_limits

from marquee_training.sweep.folds import SweepFold
from marquee_training.sweep.grid import Dials
from marquee_training.sweep.lists import ListMaker
from marquee_training.sweep.results import judge_settings, keep

GROUP = 6
"""Most settings that share a blend's computation: more would save little, and lose more when killed."""


class Judge:
    """Judges settings and keeps their marks.

    Args:
        folds: Whom to ask.
        place: The folder of marks.
    """

    def __init__(self, folds: Sequence[SweepFold], place: Path) -> None:
        self._folds = folds
        self._place = place
        self._makers: dict[Path, ListMaker] = {}

    def __call__(self, settings: Sequence[Dials]) -> None:
        """Judge settings with one `blend_key`."""
        with threadpool_limits(1):
            for fold in self._folds:
                if fold.place not in self._makers:
                    first = settings[0]
                    self._makers[fold.place] = ListMaker(fold.contents(first.view, first.weights))
            marks = judge_settings([(fold, self._makers[fold.place]) for fold in self._folds], settings)
        for dials, own in zip(settings, marks, strict=True):
            keep(self._place / f"{dials.digest}.safetensors", own)


def grouped(settings: Sequence[Dials]) -> list[list[Dials]]:
    """Settings with one `blend_key` together, at most GROUP of them, in order of first appearance."""
    by_key: dict[str, list[Dials]] = {}
    for dials in settings:
        by_key.setdefault(dials.blend_key, []).append(dials)
    return [own[start : start + GROUP] for own in by_key.values() for start in range(0, len(own), GROUP)]


def judge_all(folds: Sequence[SweepFold], settings: Sequence[Dials], place: Path, jobs: int) -> Iterator[list[Dials]]:
    """Judge settings by `jobs` processes; yields each group when it is done.

    Raises:
        BrokenProcessPool: A process was killed from outside, by want of memory for one. What it had done is kept.
    """
    groups = grouped(settings)
    if jobs == 1 or len(groups) <= 1:
        judge = Judge(folds, place)
        for group in groups:
            judge(group)
            yield group
        return
    # Not forked: a fork of a process in which torch has run threads can hang.
    pool = ProcessPoolExecutor(
        min(jobs, len(groups)), multiprocessing.get_context("spawn"), _begin, (tuple(folds), place)
    )
    try:
        waiting = {pool.submit(_judge, group): group for group in groups}
        for future in as_completed(waiting):
            future.result()
            yield waiting[future]
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_own: list[Judge] = []  # a worker's judge, made once


def _begin(folds: Sequence[SweepFold], place: Path) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # ends at once, without a traceback; the parent says what happened
    threading.Thread(target=_follow_the_parent, daemon=True).start()
    _own.append(Judge(folds, place))


def _follow_the_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # it was killed: nobody would ever ask for the result


def _judge(settings: Sequence[Dials]) -> None:
    _own[0](settings)


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
