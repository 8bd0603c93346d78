"""The whole sweep: fit, judge every setting, write the CSV and the plot. Results of a killed run are reused."""

import multiprocessing
import os
import signal
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from marquee.errors import ConfigError
from marquee.settings import usable_cores
from marquee_training.config import TrainingConfig
from marquee_training.data.dataset import Dataset
from marquee_training.evaluation.panel import choose_panel
from marquee_training.files import save_whole, write_whole
from marquee_training.fit import prepare
from marquee_training.progress import Reporter
from marquee_training.sweep.grid import Setting, settings_of
from marquee_training.sweep.lists import SweepFold, cross_fitted, fit_folds, work_key
from marquee_training.sweep.plot import check_plots, plot, sentences
from marquee_training.sweep.results import (
    Rows,
    choose,
    judge_settings,
    load_result,
    main_of,
    mean_ndcg,
    ranked,
    table_of,
)

GROUP = 6
"""Most settings that share a blend's computation: more would save little, and lose more when killed."""


@dataclass(frozen=True)
class Sweep:
    """A sweep's outcome: settings (the configured one first), the CSV's rows in the same order, text, and any plot."""

    settings: list[Setting]
    rows: Rows
    sentences: list[str]
    image: Path | None


def run_sweep(
    dataset: Dataset,
    config: TrainingConfig,
    size: str,
    path: Path,
    reporter: Reporter,
    *,
    jobs: int | None = None,
    draw: bool = True,
) -> Sweep:
    """Judge every setting of one of SIZES, by default in a process per processor; write a CSV, and a PNG beside it.

    The same rows in the order of `ranked` go into a second CSV, `<name>.final.csv`.

    Models and results in `.sweep/<key>` beside the CSV are reused by every size.

    Raises:
        ConfigError: No such size, jobs below 1, or matplotlib is missing.
        DataError: Too few ratings to learn from, or no test person with enough likes.
    """
    settings = settings_of(config, size)
    if jobs is not None and jobs < 1:
        raise ConfigError(f"--jobs {jobs}: at least one process is needed", fix="give 1 or more")
    if draw:
        check_plots()  # now, and not after an hour
    everybody, films = prepare(dataset, config)
    panel = choose_panel(config, everybody)
    panel.require()
    config = panel.config
    if panel.not_judged:
        reporter.say(f"WARNING: not judged: {panel.not_judged}")
    work = path.parent / ".sweep" / work_key(dataset, config)
    views = list(dict.fromkeys(setting.view for setting in settings))
    folds = fit_folds(config, everybody, films, views, work, reporter)

    place = work / "results"
    found = {setting.digest: own for setting in settings if (own := load_result(_path(place, setting))) is not None}
    with reporter.stage(f"sweep {size}", unit="setting") as report:
        todo = [setting for setting in settings if setting.digest not in found]
        for group in judge_all(folds, todo, place, jobs or usable_cores()):
            found |= {one.digest: own for one in group if (own := load_result(_path(place, one))) is not None}
            best = max(float(mean_ndcg(own).mean()) for own in found.values())
            report(len(found), len(settings), {"best ndcg@10": best})
    results = [found[setting.digest] for setting in settings]
    rows = table_of(settings, results)
    write_whole(path, lambda aside: pd.DataFrame(rows).to_csv(aside, index=False))
    final = path.with_suffix(".final.csv")
    write_whole(final, lambda aside: pd.DataFrame(ranked(rows)).to_csv(aside, index=False))
    image = path.with_suffix(".png") if draw else None
    if image is not None:
        plot(
            image,
            settings,
            rows,
            title=f"{dataset.name}: {rows[0]['n_people']} people, {main_of(results[0])} of their films shown",
        )
    numbers = np.repeat(np.arange(len(folds)), [len(next(iter(fold.cases.values())).unique_people) for fold in folds])
    text = sentences(rows, settings, choose(results, numbers), cross_fitted=cross_fitted(config))
    return Sweep(settings, rows, text, image)


def grouped(settings: Sequence[Setting]) -> list[list[Setting]]:
    """Settings with one `blend_key` together, at most GROUP of them, in order of first appearance."""
    by_key: dict[str, list[Setting]] = defaultdict(list)
    for setting in settings:
        by_key[setting.blend_key].append(setting)
    return [own[start : start + GROUP] for own in by_key.values() for start in range(0, len(own), GROUP)]


def judge_all(
    folds: Sequence[SweepFold], settings: Sequence[Setting], place: Path, jobs: int
) -> Iterator[list[Setting]]:
    """Judge settings in `jobs` processes, each with one thread so that rounding doesn't depend on their number.

    Yields each group of settings when its results are saved. BrokenProcessPool: a process was killed, for example
    because memory ran out; results saved before remain.
    """
    groups = grouped(settings)
    if jobs == 1 or len(groups) <= 1:
        for group in groups:
            _judge(folds, place, group)
            yield group
        return
    # Not forked: a fork of a process in which torch has run threads can hang.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(jobs, len(groups)), context, _start_worker, (tuple(folds), place))
    try:
        waiting = {pool.submit(_judge_in_worker, group): group for group in groups}
        for future in as_completed(waiting):
            future.result()
            yield waiting[future]
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _judge(folds: Sequence[SweepFold], place: Path, settings: Sequence[Setting]) -> None:
    with threadpool_limits(1):
        results = judge_settings(folds, settings)
    for setting, own in zip(settings, results, strict=True):
        save_whole(_path(place, setting), own)


def _path(place: Path, setting: Setting) -> Path:
    return place / f"{setting.digest}.safetensors"


_of_worker: list[tuple[Sequence[SweepFold], Path]] = []  # in a worker: its folds, sent once, and where results go


def _start_worker(folds: Sequence[SweepFold], place: Path) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # end at once without a traceback; the parent reports it
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    _of_worker.append((folds, place))


def _exit_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # the parent was killed: nobody waits for the result


def _judge_in_worker(settings: Sequence[Setting]) -> None:
    _judge(*_of_worker[0], settings)
