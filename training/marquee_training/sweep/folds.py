"""The models of each fold, fitted once and kept on disk; and the people who are asked.

Whoever tunes by people must not report on them. With one fold run, its validation people are asked, and nobody whom
`marquee evaluate` reports on. With more, everybody is held out in one of them, so each fold's held-out people are
asked, with other seeds than evaluation draws, and what a choice is worth is said by cross-fitting (`choice`).
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from marquee import __version__
from marquee.bundle.bundle import Bundle
from marquee.bundle.manifest import DataInfo
from marquee.models.catalog import Catalog
from marquee.models.item_cf import ItemCF
from marquee.models.two_tower import Pooling, TwoTower
from marquee.models.weights import BlendWeights, RerankConfig
from marquee_training.config import TrainingConfig
from marquee_training.data.dataset import Dataset
from marquee_training.evaluation.cases import SEED_COUNTS, Cases
from marquee_training.evaluation.rounds import asked, few_seeds
from marquee_training.fit import Films, fit
from marquee_training.interactions import Interactions, split_people
from marquee_training.item_cf.edlae_svd import fit_item_cf
from marquee_training.progress import Reporter
from marquee_training.sweep.grid import view_config

SEEDS_OF_THE_SWEEP = 4  # added to the random seed: evaluation draws other seeds of the same people


@dataclass(frozen=True)
class SweepFold:
    """What is needed to ask one fold's people; its models lie in `place`.

    Attributes:
        place: The folder of its models.
        n_candidates: How many stage one hands over.
        n_item_cf_candidates: How many the re-ranker adds.
        catalog: With the popularity among the people who were fitted on.
        n_people: How many those are.
        cases: Requests by number of seeds; the same people in the same order at each.
    """

    place: Path
    n_candidates: int
    n_item_cf_candidates: int
    catalog: Catalog
    n_people: int
    cases: dict[int, Cases]

    def contents(self, view: str, weights: BlendWeights) -> Bundle:
        """The fold's models with a second view and a blend."""
        with safe_open(self.place / "two_tower.safetensors", framework="numpy") as file:
            pooling = cast("Pooling", file.metadata()["pooling"])
        return Bundle(
            catalog=self.catalog,
            two_tower=TwoTower.from_arrays(load_file(self.place / "two_tower.safetensors"), pooling),
            item_cf=ItemCF.from_arrays(load_file(_view_path(self.place, view))),
            rerank=RerankConfig(
                n_candidates=self.n_candidates, n_item_cf_candidates=self.n_item_cf_candidates, weights=weights
            ),
            data=DataInfo(name="sweep"),
        )


def work_key(dataset: Dataset, config: TrainingConfig) -> str:
    """Names the work of this code on this data; the same whatever the blend is configured to be."""
    fields = config.model_dump(mode="json", exclude=set(BlendWeights.model_fields))
    parts = json.dumps([__version__, dataset.sha256, fields], sort_keys=True)
    return hashlib.sha256(parts.encode()).hexdigest()[:16]


def cross_fitted(config: TrainingConfig) -> bool:
    """Whether held-out people are asked, since with several folds everybody is one."""
    return config.eval_folds_run > 1


def fit_folds(
    config: TrainingConfig,
    everybody: Interactions,
    films: Films,
    views: Sequence[str],
    work: Path,
    reporter: Reporter,
) -> list[SweepFold]:
    """Fit what isn't there yet.

    Args:
        config: What to fit.
        everybody: All people.
        films: All films.
        views: The second views that will be tried, by the name that `view_config` reads.
        work: The folder that keeps the models.
        reporter: Told of each fit.

    Raises:
        DataError: Nobody who could be asked has enough likes, or there are too few ratings to learn from.
    """
    parts = split_people(len(everybody.user_ids), config.eval_folds, config.validation_share, config.seed)
    folds = []
    for number, part in enumerate(parts[: config.eval_folds_run], start=1):
        place = work / f"fold-{number}"
        people = part.test if cross_fitted(config) else part.validation
        cases = {k: few_seeds(config, everybody, people, k, config.eval_draws, SEEDS_OF_THE_SWEEP) for k in SEED_COUNTS}
        asked({k: own for k, own in cases.items()}, config)  # noqa: C416 - dict(cases) has other types
        train = everybody.of(part.train)
        if not (place / "two_tower.safetensors").is_file():
            with reporter.stage(f"fold {number}/{config.eval_folds_run}") as report:
                checkpoint = place / "checkpoint.safetensors"
                fitted = fit(
                    config,
                    everybody,
                    films,
                    people=part.train,
                    validation=part.validation,
                    checkpoint=checkpoint,
                    report=report,
                )
                _keep_view(place, config.item_cf, fitted.contents.item_cf)
                tower = fitted.contents.two_tower
                _keep(place / "two_tower.safetensors", tower.arrays(), {"pooling": tower.pooling})
                checkpoint.unlink(missing_ok=True)
        missing = [view for view in views if not _view_path(place, view).is_file()]
        if missing:
            with reporter.stage(f"second views {number}/{config.eval_folds_run}", unit="view") as report:
                for count, view in enumerate(missing, start=1):
                    _keep_view(place, view, fit_item_cf(view_config(config, view), train))
                    report(count, len(missing), {})
        catalog = replace(films.catalog, popularity=train.popularity)
        n_candidates = (config.n_candidates, config.n_item_cf_candidates)
        folds.append(SweepFold(place, *n_candidates, catalog, len(part.train), cases))
    return folds


def _view_path(place: Path, view: str) -> Path:
    return place / f"item_cf-{view.replace(':', '-')}.safetensors"


def _keep_view(place: Path, view: str, fitted: ItemCF) -> None:
    _keep(_view_path(place, view), fitted.arrays())


def _keep(path: Path, arrays: dict[str, Any], metadata: dict[str, str] | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".tmp")
    save_file(arrays, aside, metadata)
    aside.replace(path)
