"""The models of each fold, fitted once and saved; the test requests; and the lists that settings give.

Figures must not be reported on people who were tuned by. With one fold, the sweep tests on its validation people, on
whom `marquee evaluate` doesn't report. With more, it tests on each fold's held-out people, with other seeds than
evaluation draws, and the gain of the best setting is cross-fitted (`results.choose`).
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file

from marquee import __version__
from marquee.bundle.bundle import Bundle
from marquee.bundle.manifest import DataInfo
from marquee.models.catalog import Catalog
from marquee.models.item_cf import ItemCF
from marquee.models.two_tower import Pooling, TwoTower
from marquee.models.weights import BlendWeights, RerankConfig
from marquee.pipeline import Pipeline
from marquee.rerank.ranker import Ranking, pick
from marquee.retrieval.exact import ExactSearch
from marquee.retrieval.port import Candidates, Retriever, Where
from marquee_training.config import TrainingConfig
from marquee_training.data.dataset import Dataset
from marquee_training.evaluation.cases import seed_counts
from marquee_training.evaluation.protocols import ByK, few_seeds, require_cases, validation_ndcg
from marquee_training.evaluation.ranking import Lists
from marquee_training.files import save_whole
from marquee_training.fit import Films, fit
from marquee_training.interactions import Interactions, split_people
from marquee_training.item_cf import fit_item_cf
from marquee_training.progress import Reporter
from marquee_training.sweep.grid import Setting, view_config

EXTRA_SEED = 4  # added to the random seed: evaluation draws other seeds of the same people


@dataclass(frozen=True)
class CachedRetriever:
    """A `Retriever` that asks another one once per set of seeds: no setting changes the candidates.

    Only for requests without filters, which are not part of the key.
    """

    retriever: Retriever
    known: dict[tuple[int, ...], Candidates]

    def candidates(self, seed_movie_ids: Sequence[int], k: int, where: Where) -> Candidates:
        """See `marquee.retrieval.port.Retriever.candidates`."""
        key = (k, *seed_movie_ids)
        if key not in self.known:
            self.known[key] = self.retriever.candidates(seed_movie_ids, k, where)
        return self.known[key]


@dataclass(frozen=True)
class SweepFold:
    """One fold's test requests and the folder of its models.

    Attributes:
        catalog: With the popularity among the people who were fitted on.
        cases: Requests by number of seeds; the same people in the same order at each.
        known: Candidates found so far.
    """

    place: Path
    rerank: RerankConfig
    catalog: Catalog
    cases: ByK
    known: dict[tuple[int, ...], Candidates] = field(default_factory=dict)

    def contents(self, view: str, weights: BlendWeights) -> Bundle:
        """The fold's models with a second view and a blend."""
        with safe_open(self.place / "two_tower.safetensors", framework="numpy") as file:
            pooling = cast("Pooling", file.metadata()["pooling"])
        return Bundle(
            catalog=self.catalog,
            two_tower=TwoTower.from_arrays(load_file(self.place / "two_tower.safetensors"), pooling),
            item_cf=ItemCF.from_arrays(load_file(_view_path(self.place, view))),
            rerank=self.rerank.model_copy(update={"weights": weights}),
            data=DataInfo(name="sweep"),
        )

    def lists(self, settings: Sequence[Setting], k: int | None, lengths: Sequence[int]) -> list[list[Lists]]:
        """The pipeline's lists for the requests with k seeds: for each setting and length, (requests, length).

        The settings share a `blend_key`, so candidates are blended once. A longer list begins with the shorter one's
        picks, since MMR is greedy.
        """
        contents = self.contents(settings[0].view, settings[0].weights)
        pipeline = Pipeline(contents, CachedRetriever(ExactSearch(contents), self.known))
        reranks = [self.rerank.model_copy(update={"weights": setting.weights}) for setting in settings]
        bundles = [replace(contents, rerank=rerank) for rerank in reranks]
        cases = self.cases[k]
        found = [[np.full((len(cases), length), -1, dtype=np.int64) for length in lengths] for _ in settings]
        for request, (_, seeds, _) in enumerate(cases):
            rankings: dict[float, Ranking] = {}
            for bundle, setting, parts in zip(bundles, settings, found, strict=True):
                diversity, novelty = setting.diversity, setting.novelty
                if novelty not in rankings:
                    rankings[novelty] = pipeline.score_candidates(seeds.tolist(), novelty=novelty)
                rows, scores = rankings[novelty].pool.rows, rankings[novelty].order.score
                picked = pick(bundle, rows, scores, n=max(lengths), diversity=diversity)
                for part, length in zip(parts, lengths, strict=True):
                    best = picked[:length]
                    part[request, : len(best)] = rows[best[np.lexsort((rows[best], -scores[best]))]]
        return found


def work_key(dataset: Dataset, config: TrainingConfig) -> str:
    """Identifies the models of this code on this data; the configured blend is no part of them."""
    fields = config.model_dump(mode="json", exclude=set(BlendWeights.model_fields))
    parts = json.dumps([__version__, dataset.sha256, fields], sort_keys=True)
    return hashlib.sha256(parts.encode()).hexdigest()[:16]


def cross_fitted(config: TrainingConfig) -> bool:
    """Whether held-out people are tested on: with several folds everybody is held out in one."""
    return config.eval_folds_run > 1


def fit_folds(
    config: TrainingConfig, everybody: Interactions, films: Films, views: Sequence[str], work: Path, reporter: Reporter
) -> list[SweepFold]:
    """Fit the models that are not in the folder `work` yet, with each of the second views."""
    parts = split_people(len(everybody.user_ids), config.eval_folds, config.validation_share, config.seed)
    rerank = RerankConfig(n_candidates=config.n_candidates, n_item_cf_candidates=config.n_item_cf_candidates)
    folds = []
    for number, part in enumerate(parts[: config.eval_folds_run], start=1):
        place = work / f"fold-{number}"
        people = part.test if cross_fitted(config) else part.validation
        counts = seed_counts(config.eval_min_positives)
        cases: ByK = {k: few_seeds(config, everybody, people, k, config.eval_draws, EXTRA_SEED) for k in counts}
        require_cases(cases, config)
        if not (place / "two_tower.safetensors").is_file():
            with reporter.stage(f"fold {number}/{config.eval_folds_run}") as report:
                validate = validation_ndcg(config, everybody, part.validation)
                checkpoint = place / "checkpoint.safetensors"
                bundle, _, _ = fit(
                    config, everybody, films, people=part.train, validate=validate, checkpoint=checkpoint, report=report
                )
                tower = bundle.two_tower
                save_whole(_view_path(place, config.item_cf), bundle.item_cf.arrays())
                save_whole(place / "two_tower.safetensors", tower.arrays(), {"pooling": tower.pooling})
                checkpoint.unlink(missing_ok=True)
        train = everybody.select(part.train)
        missing = [view for view in views if not _view_path(place, view).is_file()]
        if missing:
            with reporter.stage(f"second views {number}/{config.eval_folds_run}", unit="view") as report:
                for count, view in enumerate(missing, start=1):
                    fitted = fit_item_cf(view_config(config, view), train, films.content)
                    save_whole(_view_path(place, view), fitted.arrays())
                    report(count, len(missing), {})
        folds.append(SweepFold(place, rerank, replace(films.catalog, popularity=train.popularity), cases))
    return folds


def _view_path(place: Path, view: str) -> Path:
    return place / f"item_cf-{view.replace(':', '-')}.safetensors"
