"""What people say of a setting, and how that is kept, so that a sweep that was stopped goes on where it was."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from scipy import sparse

from marquee_training.evaluation import beyond
from marquee_training.evaluation.beyond import FilmFacts
from marquee_training.evaluation.cases import MAIN_K, Cases
from marquee_training.evaluation.judge import Judged, pooled, totals
from marquee_training.evaluation.metrics import Values, ndcg, recall
from marquee_training.evaluation.ranking import Lists, hits_of
from marquee_training.sweep.folds import SweepFold
from marquee_training.sweep.grid import Dials
from marquee_training.sweep.lists import ListMaker

LENGTHS = (10, 20)


@dataclass(frozen=True)
class Marks:
    """What p people say of one setting.

    Attributes:
        values: Metric -> (p,) float64; NDCG@10 by number of seeds as `ndcg@10_k1`, ..., the others at MAIN_K.
        fold: (p,) int64, whose models answered.
        totals: What can't be said of one person: `coverage@10`, `median_popularity@10`.
    """

    values: dict[str, Values]
    fold: NDArray[np.int64]
    totals: dict[str, float]


def judge_settings(folds: Sequence[tuple[SweepFold, ListMaker]], settings: Sequence[Dials]) -> list[Marks]:
    """Ask all people of all folds.

    Args:
        folds: Each with what makes its lists.
        settings: With one `blend_key`.
    """
    judged: list[list[Judged]] = [[] for _ in settings]
    sizes = []
    for fold, maker in folds:
        contents = fold.contents(settings[0].view, settings[0].weights)
        facts = FilmFacts(contents.catalog.genres, contents.catalog.popularity, fold.n_people)
        by_k = {k: maker.lists(contents, settings, cases.seeds, LENGTHS) for k, cases in fold.cases.items()}
        for number, parts in enumerate(judged):
            parts.append(_judged(fold.cases, {k: lists[number] for k, lists in by_k.items()}, facts))
        sizes.append(len(fold.cases[MAIN_K].asked))
    numbers = np.repeat(np.arange(len(sizes)), sizes)
    together = [pooled(parts) for parts in judged]
    return [Marks(everyone.values, numbers, totals(everyone)) for everyone in together]


def _judged(cases: dict[int, Cases], lists: dict[int, list[Lists]], facts: FilmFacts) -> Judged:
    values: dict[str, Values] = {}
    for k, asked in cases.items():
        hits = hits_of(lists[k][0], asked.targets)
        values[f"ndcg@10_k{k}"] = asked.per_person(ndcg(hits, asked.n_targets))
    main, (ten, twenty) = cases[MAIN_K], lists[MAIN_K]
    hits = hits_of(twenty, main.targets)
    likes = sparse.csr_matrix(main.seeds + main.targets)
    for name, own in {
        "recall@20": recall(hits, main.n_targets),
        "stratified_recall@20": beyond.stratified_recall(hits, twenty, main.targets, facts.popularity),
        "ild@10": beyond.intra_list_diversity(ten, facts.genres),
        "genre_divergence@10": beyond.genre_divergence(ten, likes, facts.genres),
    }.items():
        values[name] = main.per_person(own)
    shown = ten[ten >= 0]
    return Judged(values, np.bincount(shown, minlength=len(facts.popularity)), facts.popularity[shown])


def keep(path: Path, marks: Marks) -> None:
    """Write marks, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".tmp")
    save_file({**marks.values, "fold": marks.fold}, aside, {"totals": json.dumps(marks.totals)})
    aside.replace(path)


def kept(path: Path) -> Marks | None:
    """What `keep` wrote; None where there is nothing, or a damaged file, which is removed."""
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
            found = json.loads(file.metadata()["totals"])
    except (SafetensorError, OSError):
        path.unlink()  # asking again costs seconds
        return None
    fold = arrays.pop("fold")
    return Marks(arrays, fold, found)
