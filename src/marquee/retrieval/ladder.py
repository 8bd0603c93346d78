"""Candidates for a taste, down the ladder: the Two-Tower's search, the item-item views, popularity."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from marquee.bundle.bundle import Bundle
from marquee.errors import RetrievalUnavailable
from marquee.models import Array, Mask, Rows
from marquee.models.standardise import Moments
from marquee.models.weights import Rung
from marquee.retrieval.exact import ExactSearch, exact_scores, top_k
from marquee.retrieval.port import Retriever, Where

ALL = slice(None)


class View(NamedTuple):
    """(n,) float32 scores of every film for a taste's seeds, and their moments."""

    scores: Array
    moments: Moments

    def standardised(self, weight: float, rows: Rows | slice = ALL) -> Array:
        """Scores of some films in units of the deviation, times the weight."""
        return self.moments.standardise(self.scores[rows], weight)


@dataclass(frozen=True)
class Taste:
    """What one person likes and dislikes, as rows of the catalogue, and every film's item-item scores.

    Attributes:
        allowed: (n,) bool, the films that `where` allows.
        unknown: Ids of the request that no film has.
        views: Scores of the item-item views by name: "few" for a few seeds, "pull" the same without its prior,
            "history" for long histories, where there is one; empty without seeds.
        share: Weight of "history" in [0, 1]; "few" and the Two-Tower have the rest.
    """

    seeds: list[int]
    dislikes: list[int]
    where: Where
    allowed: Mask
    unknown: list[int]
    views: dict[str, View]
    share: float

    @property
    def item_scores(self) -> Array:
        """(n,) float32: how probable the views find each film."""
        return self._blend({"few": 1.0 - self.share, "history": self.share})

    @property
    def item_lift(self) -> Array:
        """(n,) float32: how much more than without the seeds; without it, all candidates would be hits."""
        return self._blend({"pull": 1.0, "history": 1.0})

    def _blend(self, weights: dict[str, float]) -> Array:
        parts = [view.standardised(weights[name]) for name, view in self.views.items() if name in weights]
        return np.asarray(np.sum(parts, axis=0), dtype=np.float32)


def make_taste(
    bundle: Bundle,
    seeds: Sequence[int],
    where: Where,
    allowed: Mask,
    *,
    dislikes: Sequence[int] = (),
    unknown: Sequence[int] = (),
) -> Taste:
    """A taste with its item-item scores; `allowed` is the mask of `where`, which several tastes can share."""
    scores: dict[str, Array] = {}
    share = 0.0
    if seeds:
        item_cf = bundle.item_cf
        scores["pull"] = item_cf.pull(seeds)
        scores["few"] = scores["pull"] if item_cf.prior is None else item_cf.prior + scores["pull"]
        if item_cf.history is not None:
            scores["history"] = item_cf.history.scores(seeds)
            share = len(seeds) / (len(seeds) + bundle.rerank.weights.half_history)
    views = {name: View(values, Moments.of(values, bundle.like_shares)) for name, values in scores.items()}
    return Taste(list(seeds), list(dislikes), where, allowed, list(unknown), views, share)


@dataclass
class Pool:
    """Candidates, and how they were found.

    Attributes:
        rows: (m,) int64 rows of the catalogue.
        tower_scores: (m,) float32, on the highest rung only.
        degraded: Why it isn't the highest rung, or not as it should be.
        n_added: Number of trailing candidates that were not found by retrieval for this taste.
    """

    rung: Rung
    rows: Rows
    tower_scores: Array | None = None
    degraded: list[str] = field(default_factory=list)
    n_added: int = 0


class Ladder:
    """Finds candidates in a bundle, in process unless there is a `retriever`. Immutable and thread-safe."""

    def __init__(self, bundle: Bundle, retriever: Retriever | None = None) -> None:
        self._bundle = bundle
        self._retriever = retriever
        self._search = ExactSearch(bundle)

    def candidates(self, tastes: Sequence[Taste], rung: Rung = "two_tower") -> list[Pool]:
        """Each taste's candidates, from the highest rung that has some, beginning at `rung`.

        Where the retriever fails for one taste it isn't asked for the others, so that all are judged alike and nobody
        waits for several timeouts.
        """
        pools: list[Pool] = []
        for taste in tastes:
            pool = self._descend(taste, rung)
            if any(reason.startswith("retrieval_") for reason in pool.degraded):
                rung = "item_cf"
                pools = [
                    self._descend(earlier, rung) if found.rung == "two_tower" else found
                    for earlier, found in zip(tastes, pools, strict=False)
                ]
            pools.append(pool)
        return pools

    def _descend(self, taste: Taste, rung: Rung) -> Pool:
        k = self._bundle.rerank.n_candidates
        popularity = self._bundle.catalog.log_popularity
        degraded: list[str] = []
        if taste.seeds and rung == "two_tower":
            try:
                return self._retrieve(taste, k)
            except RetrievalUnavailable as unavailable:
                degraded.append(f"retrieval_{unavailable.reason}")
        if rung != "popularity" and taste.seeds:
            if taste.views["pull"].scores.any():
                # Films that share no taste with the seeds tie: a grain of popularity fills the pool sensibly.
                scores = taste.item_scores
                filled = scores + 1e-6 * popularity * (float(np.abs(scores).max()) or 1.0)
                pool = Pool("item_cf", top_k(filled.astype(np.float32), k, taste.allowed)[0], None, degraded)
                return self._add_by_lift(taste, pool)
            degraded.append("seeds_without_neighbors")
        elif not taste.seeds:
            degraded.append("no_known_seeds")
        return Pool("popularity", top_k(popularity, k, taste.allowed)[0], None, degraded)

    def _retrieve(self, taste: Taste, k: int) -> Pool:
        if self._retriever is None:
            pool = Pool("two_tower", *self._search.best(taste.seeds, k, taste.allowed))
        else:
            pool = self._ask(self._retriever, taste, k)
        # Scores of another bundle's tower can't be compared with those of added films.
        return pool if pool.degraded else self._add_by_lift(taste, pool)

    def _add_by_lift(self, taste: Taste, pool: Pool) -> Pool:
        """The pool and the best by the item-item views' lift that aren't in it yet; they cost no call."""
        n = self._bundle.rerank.n_item_cf_candidates
        free = taste.allowed.copy()
        free[pool.rows] = False
        return widen(self._bundle, taste, pool, top_k(taste.item_lift, n, free)[0]) if n else pool

    def _ask(self, retriever: Retriever, taste: Taste, k: int) -> Pool:
        """Candidates by a retriever, which speaks in MovieLens ids and isn't trusted to respect `where`."""
        catalog = self._bundle.catalog
        seeds = [int(catalog.movie_ids[row]) for row in sorted(taste.seeds)]
        movie_ids, scores, version = retriever.candidates(seeds, k, taste.where)
        # For seconds after a publish a server can hold another bundle than ours, with films that we don't know.
        degraded = ["version_skew"] if version != self._bundle.version else []
        rows, unknown = catalog.rows_of_movies(int(movie) for movie in movie_ids)
        if unknown:
            scores = scores[np.isin(movie_ids, unknown, invert=True)]
        found = np.asarray(rows, dtype=np.int64)
        valid = taste.allowed[found]
        if taste.allowed.any() and not valid.any():
            message = f"no candidate of {version} is a film of {self._bundle.version}"
            raise RetrievalUnavailable("version_skew", message)
        return Pool("two_tower", found[valid], np.asarray(scores, dtype=np.float32)[valid], degraded)


def widen(bundle: Bundle, taste: Taste, pool: Pool, others: Rows) -> Pool:
    """The pool, and behind its candidates those of `others`, rows of the catalogue, that aren't among them."""
    added = np.setdiff1d(others, pool.rows)
    wider = replace(pool, rows=np.concatenate([pool.rows, added]), n_added=pool.n_added + len(added))
    if pool.tower_scores is not None:
        scores = exact_scores(bundle.two_tower, bundle.two_tower.encode(taste.seeds), added)
        wider.tower_scores = np.concatenate([pool.tower_scores, scores])
    return wider
