"""A person's taste: the seeds, and every film's scores by the models that the re-ranker has in memory.

The lift of a film says how much more it fits the seeds than it would anybody: the models' scores without their priors,
and the seeds' genres and years. It is the second view that candidates come from, beside the Two-Tower's search.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from marquee.bundle.bundle import Bundle
from marquee.models import Array, Mask, Rows
from marquee.models.standardise import Moments
from marquee.retrieval.port import Where


class View(NamedTuple):
    """(n,) float32 scores of films by one model, and their moments over the catalogue."""

    scores: Array
    moments: Moments = Moments(0.0, 1.0)

    def standardised(self, weight: float = 1.0) -> Array:
        """(n,) float32 scores in units of the deviation, times the weight."""
        return self.moments.standardise(self.scores, weight)

    def of(self, rows: Rows) -> "View":
        """The same for some films."""
        return self._replace(scores=self.scores[rows])


Terms = dict[str, tuple[View, float]]
"""A score as a sum: each model's standardised scores times a weight, by the term's name."""


def weighted_sum(terms: Terms, n: int) -> Array:
    """(n,) float32 score of n films; each film's is computed by itself, in one order of additions."""
    total, rest = np.zeros(n, dtype=np.float32), 0.0
    for (scores, moments), weight in terms.values():
        unit = moments.unit(weight)
        total += np.float32(unit) * scores
        rest += moments.mean * unit
    total -= np.float32(rest)
    return total


@dataclass(frozen=True)
class Taste:
    """What one person likes and dislikes, as rows of the catalogue, and the scores that follow from the seeds.

    Attributes:
        allowed: (n,) bool, the films that `where` allows.
        unknown: Ids of the request that no film has.
        few: The item-item view for a few seeds; None without seeds.
        history: The one for long histories; None without seeds, or where there is none.
        share: Weight of `history` in [0, 1]; `few` and the Two-Tower have the rest.
        content: Similarities of all films to the seeds in [0, 1], "genre" and "year"; None without seeds.
        lift: Terms of the lift of all films; None without seeds.
        user: (d,) float32 vector by the Two-Tower; None without seeds.
        products: (n,) float32 inner products of `user` and every film's vector; None without seeds.
    """

    seeds: list[int]
    dislikes: list[int]
    where: Where
    allowed: Mask
    unknown: list[int | str]
    few: View | None = None
    history: View | None = None
    share: float = 0.0
    content: dict[str, Array] | None = None
    lift: Terms | None = None
    user: Array | None = None
    products: Array | None = None

    @cached_property
    def lift_score(self) -> Array:
        """(n,) float32: the sum of the lift's terms; zeros without seeds."""
        return weighted_sum(self.lift or {}, len(self.allowed))

    @property
    def item_scores(self) -> Array | None:
        """(n,) float32: how probable the item-item views find each film."""
        if self.few is None:
            return None
        few = self.few.standardised(1.0 - self.share)
        return few if self.history is None else few + self.history.standardised(self.share)


def make_taste(
    bundle: Bundle,
    seeds: Sequence[int],
    where: Where,
    allowed: Mask,
    *,
    dislikes: Sequence[int] = (),
    unknown: Sequence[int | str] = (),
) -> Taste:
    """A taste with its scores; `allowed` is the mask of `where`, which several tastes can share."""
    given = list(seeds), list(dislikes), where, allowed, list(unknown)
    if not seeds:
        return Taste(*given)
    catalog, tower, item_cf, weights = bundle.catalog, bundle.two_tower, bundle.item_cf, bundle.rerank.weights

    def view(scores: Array) -> View:
        return View(scores, Moments.of(scores, bundle.like_shares))

    pull = view(item_cf.pull(seeds))
    few = pull if item_cf.prior is None else view(item_cf.prior + pull.scores)
    user = tower.encode(seeds)
    products = tower.products(user)
    content = {"genre": catalog.genre_similarity(seeds), "year": catalog.year_similarity(seeds, weights.tau_year)}
    history, share = None, 0.0
    if item_cf.history is not None:
        history = view(item_cf.history.scores(seeds))
        share = len(seeds) / (len(seeds) + weights.half_history)
    rest = 1.0 - share
    lift: Terms = {
        "tower": (View(products, bundle.tower_moments.at(user, bias=0)), rest * weights.lift_tower),
        "item_cf": (pull, rest * weights.lift_cf),
        "genre": (View(content["genre"]), weights.lift_genre),
        "year": (View(content["year"]), weights.lift_year),
    }
    if history is not None:
        taken_over = share * (weights.lift_tower + weights.lift_cf)
        lift["history"] = history, weights.lift_history + taken_over
    return Taste(*given, few, history, share, content, lift, user, products)
