"""Ask a row a protocol's question: one value per person and metric, and what the lists showed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from marquee_training.evaluation import beyond
from marquee_training.evaluation.beyond import FilmFacts
from marquee_training.evaluation.cases import Cases
from marquee_training.evaluation.metrics import Values, mrr, ndcg, recall
from marquee_training.evaluation.ranking import Lists, hits_of
from marquee_training.evaluation.rounds import Question
from marquee_training.evaluation.rows import Row

CANDIDATES = 200
MAIN = {
    "few-seeds": ("ndcg@10", "recall@20", "mrr@10", "stratified_recall@20"),
    "holdout": ("ndcg@100", "recall@20", "recall@50"),
    "temporal": ("ndcg@10", "recall@20", "mrr@10", "stratified_recall@20"),
    "cold-items": ("new_ndcg@10", "new_recall@20", "recall@100"),
}
"""The metrics whose differences are tested in pairs; the first one is the protocol's own."""


@dataclass(frozen=True)
class Judged:
    """What p people say of a row, at one number of seeds.

    Attributes:
        values: Metric -> (p,) float64, NaN for people of whom it can't be said.
        shown: (n,) int64, in how many lists of 10 each film stands.
        likes_shown: (m,) int32, the likes of every film shown, once per list.
        shelf: (n,) bool, the films that could be shown; None = all.
    """

    values: dict[str, Values]
    shown: NDArray[np.int64]
    likes_shown: NDArray[np.int32]
    shelf: NDArray[np.bool_] | None = None


def judge(row: Row, question: Question, k: int | None, facts: FilmFacts) -> Judged:
    """Ask a row all requests of one number of seeds."""
    cases = question.tests[k]
    ask: Callable[[Row, Question, int | None, FilmFacts], tuple[dict[str, Values], Lists]] = {
        "few-seeds": _few_seeds,
        "holdout": _holdout,
        "temporal": _few_seeds,
        "cold-items": _cold_items,
    }[question.protocol]
    values, listed = ask(row, question, k, facts)
    return judged(cases, values, listed, facts, question.shelf)


def judged(
    cases: Cases, values: Mapping[str, Values], listed: Lists, facts: FilmFacts, shelf: NDArray[np.bool_] | None = None
) -> Judged:
    """From one value per request to one per person, and what the lists of 10 showed."""
    films = listed[listed >= 0]
    return Judged(
        {name: cases.per_person(value) for name, value in values.items()},
        np.bincount(films, minlength=len(facts.popularity)),
        facts.popularity[films],
        shelf,
    )


def beyond_accuracy(cases: Cases, ten: Lists, twenty: Lists, facts: FilmFacts) -> dict[str, Values]:
    """What a list of 10 and a list of 20 say beyond NDCG; (c,) each, one value per request."""
    likes = sparse.csr_matrix(cases.seeds + cases.targets)
    hits10, hits20 = hits_of(ten, cases.targets), hits_of(twenty, cases.targets)
    in_tail = beyond.niche(cases.people, likes, facts)
    return {
        "stratified_recall@20": beyond.stratified_recall(hits20, twenty, cases.targets, facts.popularity),
        "niche_ndcg@10": np.where(in_tail, ndcg(hits10, cases.n_targets), np.nan),
        "ild@10": beyond.intra_list_diversity(ten, facts.genres),
        "genre_divergence@10": beyond.genre_divergence(ten, likes, facts.genres),
        "head_share@10": beyond.head_share(ten, facts),
    }


def pooled(parts: Sequence[Judged]) -> Judged:
    """The people of all rounds together."""
    shelves = [part.shelf for part in parts if part.shelf is not None]
    return Judged(
        {name: np.concatenate([part.values[name] for part in parts]) for name in parts[0].values},
        np.sum([part.shown for part in parts], axis=0),
        np.concatenate([part.likes_shown for part in parts]),
        np.any(shelves, axis=0) if shelves else None,
    )


def totals(judged: Judged) -> dict[str, float]:
    """What can't be said of one person: `coverage@10`, the share of films that are in any list (of those that could
    be), and `median_popularity@10`, the median likes of the films shown.
    """  # noqa: D205 - one sentence
    could = len(judged.shown) if judged.shelf is None else int(judged.shelf.sum())
    return {
        "coverage@10": float((judged.shown > 0).sum() / could),
        "median_popularity@10": float(np.median(judged.likes_shown)) if len(judged.likes_shown) else 0.0,
    }


def _few_seeds(row: Row, question: Question, k: int | None, facts: FilmFacts) -> tuple[dict[str, Values], Lists]:
    cases = question.tests[k]
    ten, twenty, candidates = row.recommend(k, ties=question.ties)(cases.seeds, (10, 20, CANDIDATES))
    hits10, hits20 = hits_of(ten, cases.targets), hits_of(twenty, cases.targets)
    values = {
        "ndcg@10": ndcg(hits10, cases.n_targets),
        "recall@20": recall(hits20, cases.n_targets),
        "mrr@10": mrr(hits10),
        "candidate_recall@200": recall(hits_of(candidates, cases.targets), cases.n_targets),
        "novelty@10": beyond.novelty(ten, facts),
        "tail_share@10": beyond.tail_share(ten, facts),
        **beyond_accuracy(cases, ten, twenty, facts),
    }
    for quarter in range(4):
        values[f"ndcg@10_q{quarter + 1}"] = beyond.quarter_ndcg(hits10, ten, cases.targets, facts, quarter)
    return values, ten


def _holdout(row: Row, question: Question, k: int | None, facts: FilmFacts) -> tuple[dict[str, Values], Lists]:  # noqa: ARG001
    cases = question.tests[k]
    ten, twenty, fifty, hundred = row.recommend(k, ties=question.ties)(cases.seeds, (10, 20, 50, 100))
    n = cases.n_targets
    return {
        "ndcg@100": ndcg(hits_of(hundred, cases.targets), n),
        "recall@20": recall(hits_of(twenty, cases.targets), n),
        "recall@50": recall(hits_of(fifty, cases.targets), n),
    }, ten


def _cold_items(row: Row, question: Question, k: int | None, facts: FilmFacts) -> tuple[dict[str, Values], Lists]:  # noqa: ARG001
    cases, new = question.tests[k], question.shelf
    n = cases.n_targets
    if new is None:
        raise ValueError("cold-items needs to know which films are new")
    shelf10, shelf20 = row.recommend(k, new, question.ties)(cases.seeds, (10, 20))
    ten, twenty, hundred = row.recommend(k, ties=question.ties)(cases.seeds, (10, 20, 100))
    on_shelf = hits_of(shelf10, cases.targets)
    return {
        "new_ndcg@10": ndcg(on_shelf, n),
        "new_recall@20": recall(hits_of(shelf20, cases.targets), n),
        "new_mrr@10": mrr(on_shelf),
        "recall@20": recall(hits_of(twenty, cases.targets), n),
        "recall@100": recall(hits_of(hundred, cases.targets), n),
        "ndcg@100": ndcg(hits_of(hundred, cases.targets), n),
        "new_share@10": np.asarray((new[ten] & (ten >= 0)).mean(axis=1), dtype=np.float64),
    }, shelf10
