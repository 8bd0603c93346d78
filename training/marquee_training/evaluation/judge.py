"""Judge rows on test requests: metrics per person, pooled over folds; and the figures of a bundle's manifest."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from marquee_training.config import TrainingConfig
from marquee_training.evaluation import metrics, tastes
from marquee_training.evaluation.cases import MAIN_K, Cases, main_k, seed_counts
from marquee_training.evaluation.metrics import Values, mrr, ndcg, recall, rounded_ci95, rounded_mean
from marquee_training.evaluation.protocols import Question, few_seeds
from marquee_training.evaluation.ranking import Lists, Recommend, hits_of
from marquee_training.evaluation.rows import SHORT
from marquee_training.interactions import Interactions, threshold_text

CANDIDATES = 200
MAIN = {
    "few-seeds": ("ndcg@10", "recall@20", "mrr@10", "stratified_recall@20"),
    "holdout": ("ndcg@100", "recall@20", "recall@50"),
    "temporal": ("ndcg@10", "recall@20", "mrr@10", "stratified_recall@20"),
    "cold-items": ("new_ndcg@10", "new_recall@20", "recall@100"),
    "tastes": ("precision@12", "hits_share@12", "candidate_recall@200"),
}
"""The metrics whose differences are tested in pairs; the first one is the protocol's own."""
PER_PERSON = (
    "stratified_recall@20",
    "niche_ndcg@10",
    "ild@10",
    "genre_divergence@10",
    "head_share@10",
    "hits_share@10",
)
"""Means over people beside NDCG in the manifest, in its order."""

AskRow = Callable[[int | None, NDArray[np.bool_] | None, int | None], Recommend]
"""As `Row.recommend`: number of seeds, shelf, ties."""


@dataclass(frozen=True)
class Judged:
    """A row's results at one number of seeds, on p people.

    Attributes:
        values: Metric -> (p,), NaN for people without a value.
        shown: (n,), in how many lists of 10 each film is.
        likes_shown: (m,), the likes of every film shown, once per list.
        shelf: (n,), the films that could be shown; None = all.
    """

    values: dict[str, Values]
    shown: NDArray[np.int64]
    likes_shown: NDArray[np.int32]
    shelf: NDArray[np.bool_] | None = None


PerPerson = dict[tuple[str, int], Values]
"""(row, k) -> each held-out person's mean NDCG@10, people in the same order in every entry."""
Beyond = dict[str, Judged]
"""Row -> the same people's metrics beyond NDCG, at `main_k` seeds."""


def judge(ask: AskRow, question: Question, k: int | None, train: Interactions, genres: NDArray[np.bool_]) -> Judged:
    """Judge a row on all requests of a question with k seeds; `train` are the people who were fitted on."""
    cases, popularity = question.tests[k], train.popularity
    n = cases.n_targets
    recommend = ask(k, None, question.ties)

    def hits(lists: Lists) -> NDArray[np.bool_]:
        return hits_of(lists, cases.targets)

    if question.protocol == "holdout":
        ten, twenty, fifty, hundred = recommend(cases.seeds, (10, 20, 50, 100))
        values = {"ndcg@100": ndcg(hits(hundred), n)}
        values |= {"recall@20": recall(hits(twenty), n), "recall@50": recall(hits(fifty), n)}
    elif question.protocol == "cold-items":
        new = question.shelf
        if new is None:
            raise ValueError("cold-items needs to know which films are new")
        ten, shelf20 = ask(k, new, question.ties)(cases.seeds, (10, 20))
        all10, all20, all100 = recommend(cases.seeds, (10, 20, 100))
        values = {
            "new_ndcg@10": ndcg(hits(ten), n),
            "new_recall@20": recall(hits(shelf20), n),
            "new_mrr@10": mrr(hits(ten)),
            "recall@20": recall(hits(all20), n),
            "recall@100": recall(hits(all100), n),
            "ndcg@100": ndcg(hits(all100), n),
            "new_share@10": np.asarray((new[all10] & (all10 >= 0)).mean(axis=1), dtype=np.float64),
        }
    elif question.protocol == "tastes":
        ten, twelve, candidates = recommend(cases.seeds, (10, tastes.LENGTH, CANDIDATES))
        values = {
            "precision@12": np.asarray(hits(twelve).sum(axis=1) / np.minimum(n, tastes.LENGTH), dtype=np.float64),
            "hits_share@12": metrics.hits_share(twelve, cases.targets, popularity),
            "candidate_recall@200": recall(hits(candidates), n),
        }
    else:
        ten, twenty, candidates = recommend(cases.seeds, (10, 20, CANDIDATES))
        quarters = metrics.popularity_quarters(popularity)
        values = {
            "ndcg@10": ndcg(hits(ten), n),
            "recall@20": recall(hits(twenty), n),
            "mrr@10": mrr(hits(ten)),
            "candidate_recall@200": recall(hits(candidates), n),
            "novelty@10": metrics.novelty(ten, popularity, len(train.user_ids)),
            "tail_share@10": metrics.share_listed(ten, quarters == 3),
            **beyond_accuracy(cases, ten, twenty, popularity, genres),
        }
        for quarter in range(4):
            inside = quarters == quarter
            values[f"ndcg@10_q{quarter + 1}"] = metrics.ndcg_within(hits(ten), ten, cases.targets, inside)
    return judged(cases, values, ten, popularity, question.shelf)


def judged(
    cases: Cases,
    values: Mapping[str, Values],
    listed: Lists,
    popularity: NDArray[np.int32],
    shelf: NDArray[np.bool_] | None = None,
) -> Judged:
    """One value per person out of one per request; `listed` are the lists of 10."""
    films = listed[listed >= 0]
    return Judged(
        {name: cases.per_person(value) for name, value in values.items()},
        np.bincount(films, minlength=len(popularity)),
        popularity[films],
        shelf,
    )


def beyond_accuracy(
    cases: Cases, ten: Lists, twenty: Lists, popularity: NDArray[np.int32], genres: NDArray[np.bool_]
) -> dict[str, Values]:
    """PER_PERSON's metrics of lists of 10 and of 20; (c,) each, one value per request."""
    likes = sparse.csr_matrix(cases.seeds + cases.targets)
    hits10, hits20 = hits_of(ten, cases.targets), hits_of(twenty, cases.targets)
    in_tail = metrics.niche(cases.people, likes, popularity)
    return {
        "stratified_recall@20": metrics.stratified_recall(hits20, twenty, cases.targets, popularity),
        "niche_ndcg@10": np.where(in_tail, ndcg(hits10, cases.n_targets), np.nan),
        "ild@10": metrics.intra_list_diversity(ten, genres),
        "genre_divergence@10": metrics.genre_divergence(ten, likes, genres),
        "head_share@10": metrics.share_listed(ten, metrics.most_liked(popularity)),
        "hits_share@10": metrics.hits_share(ten, cases.targets, popularity),
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
    """Metrics that belong to no single person.

    `coverage@10` is the share of films that are in any list (of those that could be), `median_popularity@10` the
    median likes of the films shown, `personalisation@10` 1 - the mean overlap of two lists.
    """
    could = len(judged.shown) if judged.shelf is None else int(judged.shelf.sum())
    return {
        "coverage@10": float((judged.shown > 0).sum() / could),
        "median_popularity@10": float(np.median(judged.likes_shown)) if len(judged.likes_shown) else 0.0,
        "personalisation@10": metrics.personalisation(judged.shown, 10),
    }


def judge_briefly(
    config: TrainingConfig,
    everybody: Interactions,
    people: NDArray[np.int64],
    rows: Mapping[str, Recommend],
    train: Interactions,
    genres: NDArray[np.bool_],
) -> tuple[PerPerson, Beyond]:
    """Judge every row on every held-out person with enough likes, at every number of seeds that these leave room for.

    Metrics beyond NDCG are computed at `main_k` seeds alone: they need a list of 20, and so one more request per list.
    """
    per_person: PerPerson = {}
    beyond: Beyond = {}
    popularity = train.popularity
    main = main_k(config.eval_min_positives)
    for k in seed_counts(config.eval_min_positives):
        cases = few_seeds(config, everybody, people, k, config.eval_draws, 2)
        for name, recommend in rows.items():
            ten, *twenty = recommend(cases.seeds, (10, 20) if k == main else (10,))
            per_person[name, k] = cases.per_person(ndcg(hits_of(ten, cases.targets), cases.n_targets))
            if twenty:
                values = beyond_accuracy(cases, ten, twenty[0], popularity, genres)
                beyond[name] = judged(cases, values, ten, popularity)
    return per_person, beyond


def pooled_people(folds: Sequence[PerPerson]) -> PerPerson:
    """The people of all folds together."""
    return {key: np.concatenate([fold[key] for fold in folds]) for key in folds[0]}


def summarise(config: TrainingConfig, per_person: PerPerson) -> dict[str, Any]:
    """Means and 95 % intervals over people, and the pipeline's lead over each row, paired, at each k.

    Returns:
        JSON values: `protocol`, `n_people`, `ndcg@10`[k][row], `ci95`[k][row], `pipeline_lead`[k][row]. Only figures
        of the same protocol may be compared.
    """
    protocol = (
        f"few-seeds/2 positive>={threshold_text(config.positive_rating)} min_positives={config.eval_min_positives} "
        f"draws={config.eval_draws} folds={config.eval_folds_run}/{config.eval_folds} seed={config.seed}"
    )
    found: dict[str, Any] = {"protocol": protocol, "ndcg@10": {}, "ci95": {}, "pipeline_lead": {}}
    # In the order of SHORT and k, wherever the values come from: equal results must be equal bytes.
    for name, k in sorted(per_person, key=lambda row: (row[1], SHORT.index(row[0]))):
        values, key = per_person[name, k], str(k)
        found["n_people"] = len(values)
        found["ndcg@10"].setdefault(key, {})[name] = round(float(values.mean()), 4)
        found["ci95"].setdefault(key, {})[name] = rounded_ci95(values)
        if name != "pipeline":
            found["pipeline_lead"].setdefault(key, {})[name] = rounded_mean(per_person["pipeline", k] - values)
    return found


def summarise_beyond(beyond: Beyond, k: int = MAIN_K) -> dict[str, Any]:
    """Metrics beyond NDCG, at k seeds; coverage and median popularity belong to no person and have no interval.

    Returns:
        JSON values: `beyond`[k][row][metric], null where nobody has a value (such as genres that no film has);
        `beyond_ci95`[k][row][metric]; `n_niche_people`, the number of people behind `niche_ndcg@10`.
    """
    means: dict[str, dict[str, float | None]] = {}
    bounds: dict[str, dict[str, list[float]]] = {}
    for name in sorted(beyond, key=SHORT.index):
        values = {metric: beyond[name].values[metric] for metric in PER_PERSON}
        known = {metric: value for metric, value in values.items() if not np.isnan(value).all()}
        means[name] = {metric: round(total, 4) for metric, total in totals(beyond[name]).items()}
        means[name] |= {m: round(float(np.nanmean(known[m])), 4) if m in known else None for m in PER_PERSON}
        bounds[name] = {metric: rounded_ci95(value) for metric, value in known.items()}
    niche = next(iter(beyond.values())).values["niche_ndcg@10"]
    key = str(k)
    return {"beyond": {key: means}, "beyond_ci95": {key: bounds}, "n_niche_people": int((~np.isnan(niche)).sum())}
