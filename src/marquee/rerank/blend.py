"""Stage two: one score per candidate, from the collaborative views and the content terms."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marquee.models.catalog import Catalog
from marquee.models.item_cf import ItemCF
from marquee.models.opinion import Opinion, standardised
from marquee.models.weights import BlendWeights

Array = NDArray[np.float32]
TERMS = ("tower", "cf", "history", "genre", "year", "popularity", "dislikes")


@dataclass(frozen=True)
class Blend:
    """Scores of m candidates with the parts that they sum from.

    Attributes:
        score: (m,) float32, the sum of `terms`.
        terms: Each term by its name, (m,) float32: those of TERMS.
        tower_unit: What one unit of the tower's own score adds to `score` (weight / standard deviation).
        cf_unit: The same for the item-item view for a few seeds.
        history_unit: The same for the one for long histories.
    """

    score: Array
    terms: dict[str, Array]
    tower_unit: float
    cf_unit: float
    history_unit: float


def blend(
    catalog: Catalog,
    item_cf: ItemCF,
    weights: BlendWeights,
    *,
    rows: NDArray[np.int64],
    tower_scores: Array | None,
    opinion: Opinion | None,
    seeds: Sequence[int],
    dislikes: Sequence[int] = (),
    over: int | None = None,
) -> Blend:
    """Score candidates.

    Scores of models have no common unit, nor has log-popularity, so each is standardised over the request's
    candidates; genre and year are similarities in [0, 1]. The tower and the view for a few seeds, and the discount
    on hits that these need, fade out with the number of seeds; the view for long histories takes their weight.

    Args:
        catalog: The films.
        item_cf: The item-item views, for the dislikes.
        weights: The blend.
        rows: (m,) int64, the candidates.
        tower_scores: (m,) float32, the Two-Tower's scores, or None on the rungs below it.
        opinion: What the item-item views say of the seeds; None without seeds.
        seeds: Rows of the liked films; may be empty, and then popularity alone decides.
        dislikes: Rows of the disliked films.
        over: Standardise over the first so many candidates; None: over all. So films that somebody else's request
            found get the score that they would have had among this one's.
    """
    zero = np.zeros(len(rows), dtype=np.float32)
    terms = dict.fromkeys(TERMS, zero)
    tower_unit = cf_unit = history_unit = 0.0
    few = 1.0 - (opinion.share if opinion else 0.0)
    if tower_scores is not None:
        terms["tower"], tower_unit = standardised(tower_scores, few * weights.alpha_tower, over)
    if opinion is None:
        terms["popularity"] = catalog.log_popularity[rows]
    else:
        terms["cf"], cf_unit = standardised(opinion.few[rows], few * weights.alpha_cf, over)
        if opinion.history is not None:
            weight = opinion.share * (weights.alpha_tower + weights.alpha_cf)
            terms["history"], history_unit = standardised(opinion.history[rows], weight, over)
        terms["genre"] = np.float32(weights.beta_gen) * genre_similarity(catalog, rows, seeds)
        terms["year"] = np.float32(weights.gamma_year) * year_similarity(catalog, rows, seeds, weights.tau_year)
        # One seed says so little that hits are the best guess; each further one pays for leaving them. The view for
        # long histories leans on hits the least, so that it needs no discount.
        weight = few * weights.delta_pop * (1 - 1 / len(seeds))
        terms["popularity"] = standardised(catalog.log_popularity[rows], weight, over)[0]
    if dislikes:
        pull = np.maximum(item_cf.pull(dislikes)[rows], 0)
        if item_cf.prior is None:  # else it is divided already
            pull = np.asarray(pull / np.sqrt(len(dislikes)), dtype=np.float32)
        # In the seeds' own unit, so that one dislike weighs about as much as one like.
        unit = cf_unit / few or standardised(pull, 1.0, over)[1]
        terms["dislikes"] = np.asarray(-weights.dislike_weight * unit * pull, dtype=np.float32)
    score = np.asarray(np.sum(list(terms.values()), axis=0), dtype=np.float32)
    return Blend(score, terms, tower_unit, cf_unit, history_unit)


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
