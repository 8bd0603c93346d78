"""The whole job: judge on people held out, fit on everyone, calibrate, publish."""

import hashlib
import json
import shlex
import shutil
import statistics
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from marquee import __version__
from marquee.added import read_added
from marquee.bundle.address import Place, open_store
from marquee.bundle.bundle import Bundle
from marquee.bundle.manifest import DataInfo
from marquee.bundle.metrics import Metrics
from marquee.bundle.publish import publish, save
from marquee.bundle.store import CURRENT, Store, pointer_name
from marquee.errors import BundleError
from marquee_training import distributed
from marquee_training.calibrate import RUNGS, calibrate, concatenate, filters_of, reliability
from marquee_training.config import TrainingConfig
from marquee_training.cross_validate import FoldResult, cross_validate
from marquee_training.data.added import with_added
from marquee_training.data.dataset import Dataset
from marquee_training.evaluation.cases import main_k
from marquee_training.evaluation.judge import pooled, pooled_people, summarise, summarise_beyond
from marquee_training.evaluation.panel import Panel, choose_panel
from marquee_training.evaluation.rows import SHORT
from marquee_training.fit import fit, prepare
from marquee_training.interactions import Interactions, threshold_text
from marquee_training.item_cf import chosen_movies
from marquee_training.progress import Reporter

FEW_LIKES = 0.1
"""Share of the ratings; where fewer are likes, the scale is probably another one."""


def train(
    dataset: Dataset,
    config: TrainingConfig,
    place: Place,
    *,
    reporter: Reporter,
    force: bool = False,
    channel: str = CURRENT,
) -> Bundle | None:
    """Ratings in, a published bundle out. A killed run, started again, goes on where it was.

    Under torchrun the processes share the work on each batch; the store has to be one that all of them see.

    Unfinished work is saved in the store's `.work`; a bucket's, in the local cache. With `force`, even what is worse
    than popularity or than the channel's bundle is published. Returns None in a process that doesn't lead.

    Raises:
        StoreUnreachable: The store can't be written; tried before the work. A finished model is kept, and said where.
        ConfigError: The processes of torchrun have different ratings, configurations or stores.
        DataError: Too few ratings to learn from.
        PublishRefused: The new bundle is worse than what it would replace.
    """
    store = open_store(place)
    pointer_name(channel)  # refuses a wrong name before the work
    if distributed.is_leader():
        store.check()
    added = read_added(store)
    dataset = with_added(dataset, added)
    # Only work of this code on this data with this configuration is resumed.
    parts = json.dumps(
        [__version__, dataset.sha256, added.model_dump(mode="json"), config.model_dump(mode="json")], sort_keys=True
    )
    key = hashlib.sha256(parts.encode()).hexdigest()[:16]
    distributed.check_same(key, "ratings, configuration or version of Marquee", fix="give all of them the same")
    everybody, films = prepare(dataset, config)
    panel = choose_panel(config, everybody)
    for line in remarks(config, everybody, panel, dataset.noun[1]):
        reporter.say(line)
    work = store.work / key
    results = cross_validate(panel, everybody, films, reporter, work)

    epochs = round(statistics.median(result.epochs for result in results)) if results else config.epochs
    with reporter.stage("everyone") as report:
        people, checkpoint = np.arange(len(everybody.user_ids)), work / "everyone.safetensors"
        bundle, _, _ = fit(
            config, everybody, films, people=people, stop_after=epochs, checkpoint=checkpoint, report=report
        )
    published = None
    if distributed.is_leader():
        bundle = assemble(dataset, config, bundle, panel, results)
        with reporter.stage("publish"):
            try:
                published = publish(store, bundle, force=force, channel=channel)
            except BundleError as error:
                keep(bundle, store, work, error, channel)
                raise
        shutil.rmtree(work, ignore_errors=True)
    distributed.barrier()
    return published


def keep(bundle: Bundle, store: Store, work: Path, error: BundleError, channel: str) -> None:
    """Save a model that couldn't be published, beside the unfinished work or else in a temporary folder; says where."""
    for place in (work, Path(tempfile.gettempdir()) / f"marquee-{work.name}"):
        folder = place / "finished"
        try:
            shutil.rmtree(folder, ignore_errors=True)
            save(bundle, folder)
        except BundleError:
            continue
        command = f"marquee publish {shlex.quote(str(folder))} --store {shlex.quote(str(store))} --channel {channel}"
        error.message += f"; the finished model is in {folder}"
        error.fix += f"; then: {command}"
        return


def remarks(config: TrainingConfig, everybody: Interactions, panel: Panel, noun: str) -> list[str]:
    """What a person should know before the work: what is not judged, few likes, films that a view leaves out."""
    found = [f"WARNING: not judged: {panel.not_judged}"] if panel.not_judged else []
    likes, ratings = everybody.likes.nnz, everybody.ratings.nnz
    if likes < FEW_LIKES * ratings:
        like = threshold_text(config.positive_rating)
        found.append(
            f"WARNING: only {likes:,} of {ratings:,} ratings are likes ({like} or more); "
            'positive_rating = "mean" in a configuration makes a like what is at least the person\'s own mean'
        )
    fitted = chosen_movies(everybody, config.item_cf_min_positives, config.item_cf_max_movies)
    least, most = config.item_cf_min_positives, config.item_cf_max_movies
    if others := int(np.count_nonzero(everybody.popularity)) - len(fitted):
        found.append(
            f"the item-item view has the {len(fitted):,} most liked {noun}; the Two-Tower alone has {others:,} others "
            f"(item_cf_min_positives = {least}, item_cf_max_movies = {most})"
        )
    return found


def assemble(
    dataset: Dataset, config: TrainingConfig, bundle: Bundle, panel: Panel, results: list[FoldResult]
) -> Bundle:
    """Add calibration, metrics and provenance to the models; without any judge, the calibration stays the default."""
    metrics: dict[str, Any] = {"not_judged": panel.not_judged} if panel.not_judged else {}
    eval_files = {}
    if results:
        samples = {rung: concatenate([result.samples[rung] for result in results]) for rung in RUNGS}
        calibration = {rung: calibrate(samples[rung]) for rung in RUNGS}
        bundle = replace(bundle, rerank=bundle.rerank.model_copy(update={"calibration": calibration}))
        metrics |= summarise(panel.config, pooled_people([result.per_person for result in results]))
        beyond = {row: pooled([result.beyond[row] for result in results]) for row in SHORT}
        metrics |= summarise_beyond(beyond, main_k(panel.config.eval_min_positives))
        filters = list(filters_of(bundle.catalog))
        metrics["calibration"] = {rung: reliability(samples[rung], filters) for rung in RUNGS}
        history = pd.concat([pd.DataFrame(result.history).assign(fold=fold) for fold, result in enumerate(results, 1)])
        eval_files["history.csv"] = history.to_csv(index=False).encode()
    return replace(
        bundle,
        data=DataInfo(name=dataset.name, source=dataset.source, sha256=dataset.sha256, counts=count(dataset)),
        metrics=Metrics.model_validate(metrics),
        config=config.model_dump(mode="json"),
        eval_files={"metrics.json": json.dumps(metrics, indent=1).encode()} | eval_files,
    )


def count(dataset: Dataset) -> dict[str, int]:
    """What the manifest says of the data's size and age; years only where they are known."""
    ratings, years = dataset.ratings, dataset.movies["year"]
    result = {
        "ratings": len(ratings),
        "people": int(ratings["user_id"].nunique()),
        "movies": len(dataset.movies),
        "rated_movies": int(ratings["movie_id"].nunique()),
    }
    if (years > 0).any():
        result["newest_film_year"] = int(years.max())
    if (newest := int(ratings["timestamp"].max())) > 0:
        result["newest_rating_year"] = int(str(np.datetime64(newest, "s").astype("datetime64[Y]")))
    return result
