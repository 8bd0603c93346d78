"""Stage two: one score per candidate, from the collaborative views and the content terms."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marquee.catalog import Catalog
from marquee.item_cf import ItemCF
from marquee.rerank_config import BlendWeights

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Blend:
    """Scores of m candidates with the parts that they sum from.

    Attributes:
        score: (m,) float32, the sum of `terms`.
        terms: Each term by its name, (m,) float32: `tower`, `cf`, `genre`, `year`, `popularity`, `dislikes`.
        tower_unit: What one unit of the tower's own score adds to `score` (weight / standard deviation).
        cf_unit: The same for the item-item score.
    """

    score: Array
    terms: dict[str, Array]
    tower_unit: float
    cf_unit: float


def blend(
    catalog: Catalog,
    item_cf: ItemCF,
    weights: BlendWeights,
    *,
    rows: NDArray[np.int64],
    tower_scores: Array | None,
    seeds: Sequence[int],
    dislikes: Sequence[int] = (),
) -> Blend:
    """Score candidates.

    The two collaborative scores have no common unit, so each is standardised over the request's candidates;
    genre and year are similarities in [0, 1]; log-popularity is standardised over the catalogue.

    Args:
        catalog: The films.
        item_cf: The item-item view.
        weights: The blend.
        rows: (m,) int64, the candidates.
        tower_scores: (m,) float32, the Two-Tower's scores, or None on the rungs below it.
        seeds: Rows of the liked films; may be empty, and then the collaborative terms are zero.
        dislikes: Rows of the disliked films.
    """
    zero = np.zeros(len(rows), dtype=np.float32)
    terms = dict.fromkeys(("tower", "cf", "genre", "year", "popularity", "dislikes"), zero)
    tower_unit = cf_unit = 0.0
    if tower_scores is not None:
        terms["tower"], tower_unit = _standardised(tower_scores, weights.alpha_tower)
    if seeds:
        terms["cf"], cf_unit = _standardised(item_cf.scores(seeds)[rows], weights.alpha_cf)
        terms["genre"] = np.float32(weights.beta_gen) * genre_similarity(catalog, rows, seeds)
        terms["year"] = np.float32(weights.gamma_year) * year_similarity(catalog, rows, seeds, weights.tau_year)
        terms["popularity"] = np.float32(weights.delta_pop) * catalog.log_popularity[rows]
    else:
        terms["popularity"] = catalog.log_popularity[rows]
    if dislikes:
        pull = np.maximum(item_cf.pull(dislikes)[rows], 0)
        if item_cf.prior is None:  # else it is divided already
            pull = np.asarray(pull / np.sqrt(len(dislikes)), dtype=np.float32)
        # In the seeds' own unit, so that one dislike weighs about as much as one like.
        unit = cf_unit or _standardised(pull, 1.0)[1]
        terms["dislikes"] = np.asarray(-weights.dislike_weight * unit * pull, dtype=np.float32)
    score = np.asarray(np.sum(list(terms.values()), axis=0), dtype=np.float32)
    return Blend(score, terms, tower_unit, cf_unit)


def _standardised(values: Array, weight: float) -> tuple[Array, float]:
    spread = float(values.std()) if len(values) > 1 else 0.0
    if spread < 1e-9:  # at most one candidate, or all alike: the view has no opinion
        return np.zeros_like(values), 0.0
    unit = weight / spread
    return np.asarray((values - values.mean()) * np.float32(unit), dtype=np.float32), unit


def genre_similarity(catalog: Catalog, rows: NDArray[np.int64], seeds: Sequence[int]) -> Array:
    """(m,) float32: Jaccard similarity of each film's genres and all the seeds' genres together."""
    wanted = catalog.genres[list(seeds)].any(axis=0)
    own = catalog.genres[rows]
    shared = (own & wanted).sum(axis=1, dtype=np.float32)
    either = (own | wanted).sum(axis=1, dtype=np.float32)
    return np.asarray(shared / np.maximum(either, 1), dtype=np.float32)


def year_similarity(catalog: Catalog, rows: NDArray[np.int64], seeds: Sequence[int], tau: float) -> Array:
    """(m,) float32: exp(-|year - the seeds' mean year| / tau), 0 where a year is unknown."""
    years = catalog.years[list(seeds)]
    if not (years > 0).any():
        return np.zeros(len(rows), dtype=np.float32)
    own = catalog.years[rows].astype(np.float32)
    closeness = np.exp(-np.abs(own - years[years > 0].mean(dtype=np.float32)) / np.float32(tau))
    return np.where(own > 0, closeness, 0).astype(np.float32)
