"""A data set as matrices, and the fit of everything that a bundle holds."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from marquee.bundle.bundle import Bundle
from marquee.bundle.manifest import DataInfo
from marquee.models.catalog import Catalog
from marquee.models.weights import RerankConfig
from marquee_training.config import TrainingConfig
from marquee_training.data.dataset import Dataset
from marquee_training.data.features import content_matrix, most_features, to_catalog
from marquee_training.interactions import Interactions, build_interactions, require_likes
from marquee_training.item_cf import chosen_movies, fit_item_cf
from marquee_training.memory import require_memory
from marquee_training.new_films import NewFilms
from marquee_training.progress import EpochReport, History, Validate


@dataclass(frozen=True)
class Films:
    """Catalogue, whose popularity each fold replaces by that of its people, and (n, f) float32 content features."""

    catalog: Catalog
    content: NDArray[np.float32]


def prepare(dataset: Dataset, config: TrainingConfig) -> tuple[Interactions, Films]:
    """All ratings and films of a data set.

    Raises:
        DataError: Nobody likes two films.
        ConfigError: There is too little memory.
    """
    everybody = build_interactions(dataset, config.positive_rating)
    require_likes(everybody, config.positive_rating)
    require_memory(config, everybody, most_features(dataset))
    catalog = to_catalog(dataset, everybody.popularity)
    return everybody, Films(catalog, content_matrix(dataset, catalog)[0])


def fit(
    config: TrainingConfig,
    everybody: Interactions,
    films: Films,
    *,
    people: NDArray[np.int64],
    validate: Validate | None = None,
    stop_after: int | None = None,
    checkpoint: Path | None = None,
    report: EpochReport | None = None,
) -> tuple[Bundle, int, History]:
    """Fit the Two-Tower, the item-item views and the popularity on people (rows of `everybody`) and on nobody else.

    The other arguments are those of `train_two_tower`.

    Returns:
        The models, uncalibrated; the number of epochs that the Two-Tower's weights took; the metrics of each epoch.
    """
    # Here, since torch takes seconds to import, and processes that only evaluate do without it.
    from marquee_training.two_tower.train import train_two_tower  # noqa: PLC0415

    interactions = everybody.select(people)
    tower, epochs, history = train_two_tower(
        config,
        interactions,
        films.content,
        validate=validate,
        stop_after=stop_after,
        checkpoint=checkpoint,
        report=report,
    )
    if config.loss != "triplet":  # the classic design stays as it was
        fitted = chosen_movies(interactions, config.item_cf_min_positives, config.item_cf_max_movies)
        new = NewFilms.of(interactions, films.content, fitted)
        tower = replace(
            tower,
            seed_vectors=new.fill(tower.seed_vectors),
            item_vectors=new.fill(tower.item_vectors),
            item_bias=new.fill(tower.item_bias),
        )
    bundle = Bundle(
        catalog=replace(films.catalog, popularity=interactions.popularity),
        two_tower=tower,
        item_cf=fit_item_cf(config, interactions, films.content),
        rerank=RerankConfig(
            n_candidates=config.n_candidates,
            n_item_cf_candidates=config.n_item_cf_candidates,
            weights=config.blend_weights,
        ),
        data=DataInfo(name="unpublished"),
    )
    return bundle, epochs, history
