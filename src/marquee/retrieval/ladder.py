"""Candidates for a taste, down the ladder: the Two-Tower's search, the item-item views, popularity."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from marquee.bundle.bundle import Bundle
from marquee.errors import RetrievalUnavailable
from marquee.models import Array, Rows
from marquee.models.weights import Rung
from marquee.retrieval.exact import ExactSearch, exact_scores, top_k
from marquee.retrieval.port import Retriever
from marquee.retrieval.taste import Taste


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

    def of(self, bundle: Bundle) -> "Ladder":
        """The ladder of another bundle, with the same retriever."""
        return Ladder(bundle, self._retriever)

    @property
    def in_process(self) -> bool:
        """Whether no other server is asked."""
        return self._retriever is None

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
                pool = Pool("item_cf", top_k(filled.astype(np.float32), k, taste.allowed)[0], None, degraded)
                return self._add_by_lift(taste, pool)
            degraded.append("seeds_without_neighbors")
        elif not taste.seeds:
            degraded.append("no_known_seeds")
        return Pool("popularity", top_k(popularity, k, taste.allowed)[0], None, degraded)

    def _retrieve(self, taste: Taste, k: int) -> Pool:
        local = self._retriever is None or not taste.allowed.any()  # where nothing is, there is nothing to ask
        if local and taste.user is not None and taste.products is not None:
            pool = Pool("two_tower", *self._search.best(taste.user, taste.products, k, taste.allowed))
        else:
            pool = self._ask(self._retriever or self._search, taste, k)
        # Scores of another bundle's tower can't be compared with those of added films.
        return pool if pool.degraded else self._add_by_lift(taste, pool)

    def _add_by_lift(self, taste: Taste, pool: Pool) -> Pool:
        """The pool and, behind it, the best films by lift that aren't in it yet; they cost no call."""
        n = self._bundle.rerank.n_item_cf_candidates
        if not n or taste.lift is None:
            return pool
        free = taste.allowed.copy()
        free[pool.rows] = False
        return widen(self._bundle, taste, pool, np.sort(top_k(taste.lift_score, n, free)[0]))

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
        # Half of k is more than an answer has. A server that knows no such filter would leave fewer.
        if not valid.any() or (not valid.all() and 2 * valid.sum() < min(k, taste.allowed.sum())):
            message = f"{valid.sum()} candidates of {version} are films of {self._bundle.version} that may be shown"
            raise RetrievalUnavailable("version_skew" if degraded else "bad_answer", message)
        return Pool("two_tower", found[valid], np.asarray(scores, dtype=np.float32)[valid], degraded)


def widen(bundle: Bundle, taste: Taste, pool: Pool, added: Rows) -> Pool:
    """The pool, and behind its candidates the rows `added`, which aren't among them."""
    wider = replace(pool, rows=np.concatenate([pool.rows, added]), n_added=pool.n_added + len(added))
    if pool.tower_scores is not None and taste.user is not None:
        scores = exact_scores(bundle.two_tower, taste.user, added)
        wider.tower_scores = np.concatenate([pool.tower_scores, scores])
    return wider
