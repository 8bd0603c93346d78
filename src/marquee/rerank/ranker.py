"""Stage two for one taste: one blended score per candidate, then MMR picks the films to show."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from marquee.api.contracts import RecommendationRequest
from marquee.bundle.bundle import Bundle
from marquee.models import Array, LogOdds, Rows
from marquee.models.catalog import Catalog
from marquee.models.item_cf import standardise
from marquee.models.weights import Rung
from marquee.rerank.mmr import Likeness, Series, mmr
from marquee.retrieval.ladder import Pool, Taste

TERMS = ("tower", "item_cf", "history", "genre", "year", "popularity", "dislikes")


@dataclass(frozen=True)
class Ranking:
    """One taste's m candidates with their scores, and the n films that are shown.

    Attributes:
        score: (m,) float32, the sum of `terms`.
        terms: (m,) float32 by name, those of TERMS.
        units: What one unit of a model's own score adds to `score` (weight / standard deviation), by the term's name.
        picked: (n,) int64 positions in the pool, in the order in which MMR took them; none before that.
        shown: (n,) int64, the same in the order of the answer.
    """

    taste: Taste
    pool: Pool
    score: Array
    terms: dict[str, Array]
    units: dict[str, float]
    picked: Rows = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    shown: Rows = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    def degraded(self, top_n: int) -> list[str]:
        """Why the answer is less than was asked for."""
        return self.pool.degraded + (["fewer_films_than_asked"] if len(self.shown) < top_n else [])


def rank(bundle: Bundle, taste: Taste, pool: Pool, request: RecommendationRequest, series: Series) -> Ranking:
    """Score candidates and pick the films to show, best score first: diversity and novelty choose, they don't order."""
    scored = score(bundle, taste, pool)
    picked = pick(
        bundle,
        pool.rows,
        scored.score,
        n=request.top_n,
        diversity=request.diversity,
        novelty=request.novelty,
        series=series,
    )
    shown = picked[np.lexsort((pool.rows[picked], -scored.score[picked]))]
    return replace(scored, picked=picked, shown=shown)


def score(bundle: Bundle, taste: Taste, pool: Pool) -> Ranking:
    """Blend the collaborative views and the content terms into one score per candidate.

    Scores of models have no common unit, nor has log-popularity, so each is standardised over the taste's own
    candidates; genre and year are similarities in [0, 1]. The tower and the view for a few seeds, and the discount
    on hits that these need, fade out with the number of seeds; the view for long histories takes their weight.
    Without seeds popularity alone decides.
    """
    catalog, item_cf, weights = bundle.catalog, bundle.item_cf, bundle.rerank.weights
    rows, seeds, over = pool.rows, taste.seeds, pool.n_own
    terms = dict.fromkeys(TERMS, np.zeros(len(rows), dtype=np.float32))
    units: dict[str, float] = {}
    by_items = taste.few is not None and pool.rung != "popularity"
    few = 1.0 - taste.share if by_items else 1.0

    def standardised(term: str, values: Array, weight: float) -> None:
        terms[term], units[term] = standardise(values, weight, over)

    if pool.tower_scores is not None:
        standardised("tower", pool.tower_scores, few * weights.alpha_tower)
    if taste.few is None or not by_items:
        terms["popularity"] = catalog.log_popularity[rows]
    else:
        standardised("item_cf", taste.few[rows], few * weights.alpha_cf)
        if taste.history is not None:
            standardised("history", taste.history[rows], taste.share * (weights.alpha_tower + weights.alpha_cf))
        terms["genre"] = np.float32(weights.beta_gen) * genre_similarity(catalog, rows, seeds)
        terms["year"] = np.float32(weights.gamma_year) * year_similarity(catalog, rows, seeds, weights.tau_year)
        # One seed says so little that hits are the best guess; each further one pays for leaving them. The view for
        # long histories leans on hits the least, so that it needs no discount.
        standardised("popularity", catalog.log_popularity[rows], few * weights.delta_pop * (1 - 1 / len(seeds)))
    if taste.dislikes:
        pull = np.maximum(item_cf.pull(taste.dislikes)[rows], 0)
        if item_cf.prior is None:  # else it is divided already
            pull = np.asarray(pull / np.sqrt(len(taste.dislikes)), dtype=np.float32)
        # In the seeds' own unit, so that one dislike weighs about as much as one like.
        unit = units.get("item_cf", 0.0) / few or standardise(pull, 1.0, over)[1]
        terms["dislikes"] = np.asarray(-weights.dislike_weight * unit * pull, dtype=np.float32)
    return Ranking(taste, pool, np.asarray(np.sum(list(terms.values()), axis=0), dtype=np.float32), terms, units)


def genre_similarity(catalog: Catalog, rows: Rows, seeds: Sequence[int]) -> Array:
    """(m,) float32: Jaccard similarity of each film's genres and all the seeds' genres together."""
    wanted = catalog.genres[list(seeds)].any(axis=0)
    own = catalog.genres[rows]
    shared = (own & wanted).sum(axis=1, dtype=np.float32)
    either = (own | wanted).sum(axis=1, dtype=np.float32)
    return np.asarray(shared / np.maximum(either, 1), dtype=np.float32)


def year_similarity(catalog: Catalog, rows: Rows, seeds: Sequence[int], tau: float) -> Array:
    """(m,) float32: exp(-|year - the seeds' mean year| / tau), 0 where a year is unknown."""
    years = catalog.years[list(seeds)]
    if not (years > 0).any():
        return np.zeros(len(rows), dtype=np.float32)
    own = catalog.years[rows].astype(np.float32)
    closeness = np.exp(-np.abs(own - years[years > 0].mean(dtype=np.float32)) / np.float32(tau))
    return np.where(own > 0, closeness, 0).astype(np.float32)


def pick(
    bundle: Bundle,
    rows: Rows,
    scores: Array,
    *,
    n: int,
    diversity: float | None = None,
    novelty: float = 0.0,
    series: Series = None,
) -> Rows:
    """Positions of n films to show among m candidates, in the order in which MMR takes them.

    `rows` and `scores` are the candidates' (m,); `series` is of the whole catalogue. `diversity` and `novelty` are as
    in a request; without diversity the bundle's is taken.
    """
    return mmr(
        scores - popularity_discount(bundle, rows, novelty),
        likeness(bundle, rows),
        n=n,
        lam=lambda_mmr(bundle, diversity),
        series=None if series is None else series[rows],
    )


def popularity_discount(bundle: Bundle, rows: Rows, novelty: float) -> Array:
    """(m,) float32: what `novelty` takes from candidates' blended scores."""
    return standardise(bundle.catalog.log_popularity[rows], novelty * bundle.rerank.weights.novelty_scale)[0]


def lambda_mmr(bundle: Bundle, diversity: float | None) -> float:
    """MMR's lambda: 1 - `diversity`, or the bundle's value."""
    return bundle.rerank.weights.lambda_mmr if diversity is None else 1.0 - diversity


def likeness(bundle: Bundle, rows: Rows) -> Likeness:
    """How alike films are."""
    genres, vectors = bundle.catalog.genre_matrix[rows], bundle.two_tower.unit_vectors[rows]
    return Likeness(genres, vectors, bundle.rerank.weights.genre_weight)


def log_odds(bundle: Bundle, rung: Rung, scores: Array) -> LogOdds:
    """(m,) float64 calibrated log-odds of blended scores."""
    calibration = bundle.rerank.calibration[rung]
    return calibration.slope * scores.astype(np.float64) + calibration.intercept


def affinity(log_odds: LogOdds) -> LogOdds:
    """(m,) float64 probabilities in [0, 1], rounded as in answers."""
    return np.asarray(np.round(1.0 / (1.0 + np.exp(-log_odds)), 4), dtype=np.float64)
