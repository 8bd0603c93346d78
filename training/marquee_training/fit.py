"""Fit everything that a bundle holds, on given people."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from marquee.bundle.bundle import Bundle
from marquee.bundle.manifest import DataInfo
from marquee.models.catalog import Catalog
from marquee.models.weights import RerankConfig
from marquee_training.config import TrainingConfig
from marquee_training.interactions import Interactions
from marquee_training.item_cf.edlae_svd import fit_item_cf
from marquee_training.progress import EpochReport
from marquee_training.two_tower.train import History, train_two_tower


@dataclass(frozen=True)
class Films:
    """Catalogue, whose popularity each fold replaces by that of its people, and (n, f) float32 content features."""

    catalog: Catalog
    content: NDArray[np.float32]


def fit(
    config: TrainingConfig,
    everybody: Interactions,
    films: Films,
    *,
    people: NDArray[np.int64],
    validation: NDArray[np.int64] | None = None,
    stop_after: int | None = None,
    checkpoint: Path | None = None,
    report: EpochReport | None = None,
) -> tuple[Bundle, int, History]:
    """Fit the Two-Tower, the item-item views and the popularity on people (rows of `everybody`).

    Every statistic comes from these people alone: nothing of the held-out leaks into what judges them.

    Returns:
        The models, uncalibrated; the number of epochs that the Two-Tower's weights took; the metrics of each epoch.
    """
    interactions = everybody.select(people)
    tower, epochs, history = train_two_tower(
        config,
        interactions,
        films.content,
        validation=None if validation is None else (everybody, validation),
        stop_after=stop_after,
        checkpoint=checkpoint,
        report=report,
    )
    contents = Bundle(
        catalog=replace(films.catalog, popularity=interactions.popularity),
        two_tower=tower,
        item_cf=fit_item_cf(config, interactions),
        rerank=RerankConfig(
            n_candidates=config.n_candidates,
            n_item_cf_candidates=config.n_item_cf_candidates,
            weights=config.blend_weights,
        ),
        data=DataInfo(name="unpublished"),
    )
    return contents, epochs, history
