"""Try the re-ranker's dials on people held out: what each setting costs and brings, as a CSV.

The models are fitted once per fold; only the re-ranker changes between rows. Rows that the CSV already has are
kept, so that a sweep that was stopped goes on where it was.
"""

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from marquee.bundle.bundle import Contents
from marquee.data.dataset import Dataset
from marquee.errors import ConfigError
from marquee.item_cf import ItemCF
from marquee.pipeline import Pipeline
from marquee.rerank_config import BlendWeights
from training.config import TrainingConfig
from training.cross_validate import prepare
from training.evaluation.accuracy import ndcg
from training.evaluation.beyond import intra_list_diversity
from training.evaluation.cases import MAIN_K, Cases, few_seed_cases
from training.evaluation.product import by_pipeline
from training.evaluation.ranking import hits_of
from training.fit import fit
from training.fit_item_cf import fit_item_cf
from training.interactions import Interactions, split_people
from training.progress import Reporter

# The dials of each size, by name; every combination is one row. svd_* rows are the classic second view and its grid.
SIZES: dict[str, dict[str, list[Any]]] = {
    "quick": {
        "item_cf": ["edlae", "svd_centered"],
        "alpha_cf": [0.5, 1.0],
        "beta_gen": [0.0, 0.15],
        "delta_pop": [0.0],
        "lambda_mmr": [0.8, 1.0],
    },
    "medium": {
        "item_cf": ["edlae", "ease", "pure_svd:128", "svd_centered:128"],
        "alpha_cf": [0.5, 1.0, 2.0],
        "beta_gen": [0.0, 0.15],
        "delta_pop": [-0.5, 0.0, 0.05],
        "lambda_mmr": [0.8, 0.9, 1.0],
    },
    "full": {
        "item_cf": ["edlae", "ease"] + [f"{kind}:{k}" for kind in ("pure_svd", "svd_centered") for k in (32, 64, 128)],
        "alpha_cf": [0.25, 0.5, 1.0, 2.0],
        "beta_gen": [0.0, 0.15, 0.3],
        "delta_pop": [-0.5, -0.25, 0.0, 0.05],
        "lambda_mmr": [0.7, 0.8, 0.9, 1.0],
    },
}
TOP_N = 10


def run_sweep(
    dataset: Dataset, config: TrainingConfig, size: str, path: Path, reporter: Reporter
) -> list[dict[str, Any]]:
    """Judge every combination on the first fold's validation and held-out people.

    Returns:
        The five rows with the best NDCG@10.

    Raises:
        ConfigError: No such size.
    """
    if size not in SIZES:
        raise ConfigError(f"no sweep is called {size!r}", fix=f"use one of {', '.join(SIZES)}")
    done = pd.read_csv(path) if path.is_file() else pd.DataFrame()
    names = list(SIZES[size])
    finished = {tuple(map(str, row)) for row in done[names].itertuples(index=False)} if len(done) else set()
    todo = [c for c in itertools.product(*SIZES[size].values()) if tuple(map(str, c)) not in finished]

    everybody, films = prepare(dataset, config)
    fold = split_people(len(everybody.user_ids), config.eval_folds, config.validation_share, config.seed)[0]
    path.parent.mkdir(parents=True, exist_ok=True)
    if todo:
        with reporter.stage("two-tower") as report:
            fitted = fit(config, everybody, films, people=fold.train, validation=fold.validation, report=report)
        cases = few_seed_cases(
            everybody,
            np.concatenate([fold.validation, fold.test]),
            MAIN_K,
            min_positives=config.eval_min_positives,
            draws=1,
            seed=config.seed + 4,
            max_people=config.eval_max_people,
        )
        views: dict[str, ItemCF] = {}
        with reporter.stage(f"sweep {size}") as report:
            for number, combination in enumerate(todo, start=1):
                dials = dict(zip(names, combination, strict=True))
                kind = dials["item_cf"]
                if kind not in views:
                    views[kind] = _view(config, everybody.of(fold.train), kind)
                row = dials | judge_dials(_with_dials(fitted.contents, views[kind], dials), cases)
                # Appended one by one: what is done stays done.
                pd.DataFrame([row]).to_csv(path, mode="a", header=not path.is_file(), index=False)
                report(number, len(todo), {"ndcg@10": row["ndcg@10"]})
    table = pd.read_csv(path).sort_values("ndcg@10", ascending=False, kind="stable")
    return [{str(name): value for name, value in row.items()} for row in table.head(5).to_dict("records")]


def judge_dials(contents: Contents, cases: Cases) -> dict[str, float]:
    """Accuracy and what lies beyond it, over the lists for all cases.

    Returns:
        `ndcg@10`; `ild@10`: mean genre Jaccard distance within a list; `coverage@10`: share of films ever shown;
        `median_popularity`: of the films shown, in likes.
    """
    (lists,) = by_pipeline(Pipeline(contents))(cases.seeds, (TOP_N,))
    shown = lists[lists >= 0]
    return {
        "ndcg@10": round(float(ndcg(hits_of(lists, cases.targets), cases.n_targets).mean()), 4),
        "ild@10": round(float(np.nanmean(intra_list_diversity(lists, contents.catalog.genres))), 4),
        "coverage@10": round(len(np.unique(shown)) / len(contents.catalog), 4),
        "median_popularity": float(np.median(contents.catalog.popularity[shown])),
    }


def _view(config: TrainingConfig, train: Interactions, kind: str) -> ItemCF:
    name, _, factors = kind.partition(":")
    changes: dict[str, Any] = {"item_cf": name} | ({"svd_factors": int(factors)} if factors else {})
    return fit_item_cf(config.model_copy(update=changes), train)


def _with_dials(contents: Contents, view: ItemCF, dials: dict[str, Any]) -> Contents:
    weights = contents.rerank.weights.model_dump() | {k: v for k, v in dials.items() if k in BlendWeights.model_fields}
    rerank = contents.rerank.model_copy(update={"weights": BlendWeights(**weights)})
    return replace(contents, item_cf=view, rerank=rerank)
