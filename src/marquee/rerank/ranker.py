"""Stage two for one taste: two blended scores per candidate, their mixture as the order, then MMR picks what to show.

The probable blend estimates who likes a film, for whatever reason: its best are hits. The lift blend says how much more
than without the seeds, as pointwise mutual information does (docs/adr/0016).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from marquee.api.contracts import RecommendationRequest
from marquee.bundle.bundle import Bundle
from marquee.models import Array, LogOdds, Rows
from marquee.models.standardise import Moments
from marquee.models.weights import Rung
from marquee.rerank.mmr import Likeness, mmr
from marquee.rerank.rules import NO_RULES, Rules
from marquee.retrieval.ladder import Pool
from marquee.retrieval.taste import Taste, Terms, View, weighted_sum

TERMS = ("tower", "item_cf", "history", "genre", "year", "popularity", "dislikes", "boost")


@dataclass(frozen=True)
class Blend:
    """A score of m candidates as a sum of terms.

    Attributes:
        score: (m,) float32.
        parts: What it is the sum of, by the term's name; of a mixture those of both blends, with their shares.
    """

    score: Array
    parts: Sequence[Terms]

    @classmethod
    def of(cls, m: int, terms: Terms) -> "Blend":
        """The sum of terms over m candidates."""
        return cls(weighted_sum(terms, m), [terms])

    def mixed(self, other: "Blend", share: float) -> "Blend":
        """This blend and another one, which has a share in [0, 1]."""

        def shared(parts: Sequence[Terms], of: float) -> list[Terms]:
            return [{name: (view, of * weight) for name, (view, weight) in terms.items()} for terms in parts]

        score = np.float32(1 - share) * self.score + np.float32(share) * other.score
        return Blend(score, [*shared(self.parts, 1 - share), *shared(other.parts, share)])

    @property
    def terms(self) -> dict[str, Array]:
        """(m,) float32 by name, those of TERMS, which sum to `score`; terms that are missing are 0."""
        zeros = np.zeros_like(self.score)
        found = {name: [terms[name] for terms in self.parts if name in terms] for name in TERMS}
        return {name: sum((view.standardised(weight) for view, weight in of), zeros) for name, of in found.items()}

    @property
    def units(self) -> dict[str, float]:
        """What one unit of a model's own score adds to `score` (weight / standard deviation), by the term's name."""
        return {name: view.moments.unit(weight) for terms in self.parts for name, (view, weight) in terms.items()}


@dataclass(frozen=True)
class Ranking:
    """One taste's m candidates with their scores, and the n films that are shown.

    Attributes:
        probable: What `affinity_score` is calibrated on; a film's score doesn't depend on the other candidates.
        order: What the list is picked and sorted by.
        picked: (n,) int64 positions in the pool, in the order in which MMR took them; none before that.
        shown: (n,) int64, the same in the order of the answer.
    """

    taste: Taste
    pool: Pool
    probable: Blend
    order: Blend
    rules: Rules = NO_RULES
    picked: Rows = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    shown: Rows = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    def degraded(self, top_n: int) -> list[str]:
        """Why the answer is less than was asked for."""
        return self.pool.degraded + (["fewer_films_than_asked"] if len(self.shown) < top_n else [])


def rank(bundle: Bundle, taste: Taste, pool: Pool, request: RecommendationRequest, rules: Rules) -> Ranking:
    """Score candidates, pick the films to show, and sort them: diversity chooses films, it doesn't order them."""
    scored = score(bundle, taste, rules.widened(bundle, taste, pool), request.novelty, rules)
    rows, order = scored.pool.rows, scored.order
    found = slice(len(pool.rows))  # what rules add doesn't change the scale
    picked = pick(
        bundle,
        rows,
        order.score,
        n=request.top_n,
        diversity=request.diversity,
        scale=(order.score if rules.boost is None else order.score - rules.boost[rows])[found],
        limits=rules.limits(rows),
        first=rules.first(rows),
    )
    by = order if request.sort == "fit" else scored.probable
    shown = rules.placed(picked[np.lexsort((rows[picked], -by.score[picked]))], rows)
    return replace(scored, picked=picked, shown=shown)


def score(bundle: Bundle, taste: Taste, pool: Pool, novelty: float = 0.0, rules: Rules = NO_RULES) -> Ranking:
    """Both blends of a taste's candidates, mixed by a `novelty` in [0, 1] into their order, which rules may change.

    In the probable blend the tower, the view for a few seeds and the discount on hits fade out with the number of
    seeds; the view for long histories takes their weight. Without seeds popularity alone decides.
    """
    catalog, weights, rows, seeds = bundle.catalog, bundle.rerank.weights, pool.rows, taste.seeds
    m, popularity = len(rows), catalog.log_popularity[rows]
    if pool.rung == "popularity" or taste.few is None or taste.content is None or taste.lift is None:
        known = Blend.of(m, {"popularity": (View(popularity), 1.0)} | _dislikes(bundle, taste, rows, 0.0))
        return Ranking(taste, pool, known, _boosted(known, rows, rules), rules)

    few = 1.0 - taste.share
    # One seed says so little that hits are the best guess; each further one pays for leaving them.
    hits = few * weights.delta_pop * (1 - 1 / len(seeds))
    terms: Terms = {
        "item_cf": (taste.few.of(rows), few * weights.alpha_cf),
        "genre": (View(taste.content["genre"][rows]), weights.beta_gen),
        "year": (View(taste.content["year"][rows]), weights.gamma_year),
        "popularity": (View(popularity, bundle.popularity_moments), hits),
    }
    if taste.history is not None:
        terms["history"] = taste.history.of(rows), taste.share * (weights.alpha_tower + weights.alpha_cf)
    if pool.tower_scores is not None and taste.user is not None:
        moments = bundle.tower_moments.at(taste.user, bias=1)
        if "version_skew" in pool.degraded:  # another bundle's tower has other units
            moments = Moments.of(pool.tower_scores)
        terms["tower"] = View(pool.tower_scores, moments), few * weights.alpha_tower
    dislikes = _dislikes(bundle, taste, rows, taste.few.moments.unit(weights.alpha_cf))
    probable = Blend.of(m, terms | dislikes)
    fitting = Blend.of(m, {name: (view.of(rows), weight) for name, (view, weight) in taste.lift.items()} | dislikes)
    order = probable.mixed(fitting, lift_share(novelty, len(seeds)))
    return Ranking(taste, pool, probable, _boosted(order, rows, rules), rules)


def _boosted(order: Blend, rows: Rows, rules: Rules) -> Blend:
    """The order, and what rules add to it."""
    if rules.boost is None:
        return order
    by = rules.boost[rows]
    return Blend(order.score + by, [*order.parts, {"boost": (View(by), 1.0)}])


def lift_share(novelty: float, k: int) -> float:
    """Share of the lift in the order for k seeds, in [0, 1]; more for few seeds, where popularity decides the most."""
    return float(novelty ** (1.2 - 0.5 / k))


def _dislikes(bundle: Bundle, taste: Taste, rows: Rows, unit: float) -> Terms:
    """What similarity to disliked films takes, in the seeds' `unit`, so that it weighs as a like."""
    if not taste.dislikes:
        return {}
    pull = np.maximum(bundle.item_cf.pull(taste.dislikes), 0)
    if bundle.item_cf.prior is None:  # else it is divided already
        pull = np.asarray(pull / np.sqrt(len(taste.dislikes)), dtype=np.float32)
    unit = unit or Moments.of(pull, bundle.like_shares).unit(1.0)
    return {"dislikes": (View(pull[rows]), -bundle.rerank.weights.dislike_weight * unit)}


def pick(bundle: Bundle, rows: Rows, scores: Array, *, n: int, diversity: float | None = None, **options: Any) -> Rows:
    """Positions of n films to show among m candidates, in the order in which MMR takes them.

    `rows` and `scores` are the candidates' (m,); `options` are `mmr`'s. Without `diversity` the bundle's is taken.
    """
    lam = lambda_mmr(bundle, diversity)
    return mmr(scores, lambda at: likeness(bundle, rows[at]), n=n, lam=lam, **options)


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
