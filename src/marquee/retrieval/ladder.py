"""Candidates for a taste, down the ladder: the Two-Tower's search, the item-item views, popularity."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from marquee.bundle.bundle import Bundle
from marquee.errors import RetrievalUnavailable
from marquee.models import Array, Mask, Rows
from marquee.models.item_cf import standardise
from marquee.models.weights import Rung
from marquee.retrieval.exact import ExactSearch, exact_scores, top_k
from marquee.retrieval.port import Retriever, Where


@dataclass(frozen=True)
class Taste:
    """What one person likes and dislikes, as rows of the catalogue, and every film's item-item scores.

    Attributes:
        allowed: (n,) bool, the films that `where` allows.
        unknown: Ids of the request that no film has.
        few: (n,) float32 scores of the item-item view for a few seeds; None without seeds.
        history: (n,) float32 scores of the one for long histories; None without seeds, or where there is none.
        share: Weight of `history` in [0, 1]; `few` and the Two-Tower have the rest.
    """

    seeds: list[int]
    dislikes: list[int]
    where: Where
    allowed: Mask
    unknown: list[int]
    few: Array | None
    history: Array | None
    share: float

    @property
    def item_scores(self) -> Array | None:
        """(n,) float32: both views, each standardised over the catalogue, since they have no common unit."""
        if self.few is None:
            return None
        few, _ = standardise(self.few, 1.0 - self.share)
        if self.history is None:
            return few
        return np.asarray(few + standardise(self.history, self.share)[0], dtype=np.float32)


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
    few = history = None
    share = 0.0
    if seeds:
        few = bundle.item_cf.scores(seeds)
        if bundle.item_cf.history is not None:
            history = bundle.item_cf.history.scores(seeds)
            share = len(seeds) / (len(seeds) + bundle.rerank.weights.half_history)
    return Taste(list(seeds), list(dislikes), where, allowed, list(unknown), few, history, share)


@dataclass
class Pool:
    """Candidates, and how they were found.

    Attributes:
        rows: (m,) int64 rows of the catalogue.
        tower_scores: (m,) float32, on the highest rung only.
        degraded: Why it isn't the highest rung, or not as it should be.
        n_added: Number of trailing candidates that were not found by retrieval for this taste.
        n_own: Number of leading candidates found for this taste; None means all.
    """

    rung: Rung
    rows: Rows
    tower_scores: Array | None = None
    degraded: list[str] = field(default_factory=list)
    n_added: int = 0
    n_own: int | None = None


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
        if rung != "popularity" and (scores := taste.item_scores) is not None:
            if self._bundle.item_cf.pull(taste.seeds).any():
                # Films that share no taste with the seeds tie: a grain of popularity fills the pool sensibly.
                filled = scores + 1e-6 * popularity * (float(np.abs(scores).max()) or 1.0)
                return Pool("item_cf", top_k(filled.astype(np.float32), k, taste.allowed)[0], None, degraded)
            degraded.append("seeds_without_neighbors")
        elif not taste.seeds:
            degraded.append("no_known_seeds")
        return Pool("popularity", top_k(popularity, k, taste.allowed)[0], None, degraded)

    def _retrieve(self, taste: Taste, k: int) -> Pool:
        if self._retriever is None:
            pool = Pool("two_tower", *self._search.best(taste.seeds, k, taste.allowed))
        else:
            pool = self._ask(self._retriever, taste, k)
        n = self._bundle.rerank.n_item_cf_candidates
        # Scores of another bundle's tower can't be compared with those of added films.
        if not n or pool.degraded or (scores := taste.item_scores) is None:
            return pool
        # Adding the item-item views' own best costs no call, and long histories gain by it.
        return replace(widen(self._bundle, taste, pool, top_k(scores, n, taste.allowed)[0]), n_own=None)

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
    n_own = len(pool.rows) if pool.n_own is None else pool.n_own
    wider = replace(pool, rows=np.concatenate([pool.rows, added]), n_added=pool.n_added + len(added), n_own=n_own)
    if pool.tower_scores is not None:
        scores = exact_scores(bundle.two_tower, bundle.two_tower.encode(taste.seeds), added)
        wider.tower_scores = np.concatenate([pool.tower_scores, scores])
    return wider
