"""The whole sweep: fit, judge, write."""

from dataclasses import dataclass
from pathlib import Path

from marquee.errors import ConfigError
from marquee_training.config import TrainingConfig
from marquee_training.cross_validate import prepare
from marquee_training.data.dataset import Dataset
from marquee_training.progress import Reporter
from marquee_training.sweep.choice import choose
from marquee_training.sweep.folds import cross_fitted, fit_folds, work_key
from marquee_training.sweep.grid import Dials
from marquee_training.sweep.plot import check_plots, plot
from marquee_training.sweep.results import Marks, kept
from marquee_training.sweep.sizes import settings_of
from marquee_training.sweep.table import Rows, mean_ndcg, table_of, write
from marquee_training.sweep.words import sentences
from marquee_training.sweep.workers import cores, judge_all


@dataclass(frozen=True)
class Sweep:
    """What came out.

    Attributes:
        settings: The configured one first.
        rows: Of the CSV, in the same order.
        sentences: The trade-off in words.
        image: The plot, or None where none was asked for.
    """

    settings: list[Dials]
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
    """Judge every setting of a size. A sweep that was stopped, started again, goes on where it was.

    Models and marks are kept in `.sweep/<key>` beside the CSV, by data and configuration; sizes share them.

    Args:
        dataset: Ratings and films.
        config: What is fitted, and the dials that others are compared with.
        size: One of SIZES.
        path: The CSV; the plot lies beside it, with the suffix .png.
        reporter: Told of each stage.
        jobs: How many processes judge; None = as many as there are processors.
        draw: Whether to plot.

    Raises:
        ConfigError: No such size, jobs below 1, or matplotlib is missing.
        DataError: Too few ratings to learn from, or nobody who can be asked.
    """
    settings = settings_of(config, size)
    if jobs is not None and jobs < 1:
        raise ConfigError(f"--jobs {jobs}: somebody has to do it", fix="give 1 or more")
    if draw:
        check_plots()  # now, and not after an hour
    work = path.parent / ".sweep" / work_key(dataset, config)
    everybody, films = prepare(dataset, config)
    views = list(dict.fromkeys(dials.view for dials in settings))
    folds = fit_folds(config, everybody, films, views, work, reporter)

    place = work / "marks"
    found = {dials.digest: own for dials in settings if (own := _kept(place, dials)) is not None}
    with reporter.stage(f"sweep {size}", unit="setting") as report:
        todo = [dials for dials in settings if dials.digest not in found]
        for group in judge_all(folds, todo, place, jobs or cores()):
            found |= {dials.digest: own for dials in group if (own := _kept(place, dials)) is not None}
            best = max(float(mean_ndcg(own).mean()) for own in found.values())
            report(len(found), len(settings), {"best ndcg@10": best})
    marks = [found[dials.digest] for dials in settings]
    rows = table_of(settings, marks)
    write(path, rows)
    image = path.with_suffix(".png") if draw else None
    if image is not None:
        plot(image, settings, rows, title=f"{dataset.name}: {rows[0]['n_people']} people, 5 of their films shown")
    return Sweep(settings, rows, sentences(rows, settings, choose(marks), cross_fitted=cross_fitted(config)), image)


def _kept(place: Path, dials: Dials) -> Marks | None:
    return kept(place / f"{dials.digest}.safetensors")
