"""Both stages for one taste: candidates down the ladder, and their blended scores. No requests or answers in here."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from marquee.bundle.bundle import Bundle
from marquee.errors import RetrievalUnavailable
from marquee.models.opinion import Opinion, standardised
from marquee.models.weights import Rung
from marquee.rerank.blend import Blend, blend
from marquee.rerank.mmr import Likeness, Series, mmr
from marquee.rerank.steps import Array, Dials, Pool, Rows, Taste
from marquee.retrieval.exact import exact_scores, top_k
from marquee.retrieval.port import Retriever, Where


class Stages:
    """What each stage makes of a taste, from one bundle. Immutable and thread-safe.

    Args:
        bundle: The models and films.
        retriever: Where candidates come from.
    """

    def __init__(self, bundle: Bundle, retriever: Retriever) -> None:
        self.bundle = bundle
        self.catalog = bundle.catalog
        self.retriever = retriever

    def taste(
        self, seeds: Sequence[int], where: Where, *, dislikes: Sequence[int] = (), unknown: Sequence[int] = ()
    ) -> Taste:
        """A taste with what the item-item views say of it, by rows of the catalogue."""
        opinion = None
        if seeds:
            opinion = Opinion.of(self.bundle.item_cf, seeds, self.bundle.rerank.weights.half_history)
        return Taste(list(seeds), list(dislikes), where, list(unknown), opinion)

    def candidates(self, taste: Taste, rung: Rung = "two_tower") -> Pool:
        """Go down the ladder, two_tower -> item_cf -> popularity, from a rung on."""
        k = self.bundle.rerank.n_candidates
        allowed = taste.where.mask(self.catalog)
        degraded: list[str] = []
        if taste.seeds and rung == "two_tower":
            try:
                return self._from_retriever(taste, k, allowed)
            except RetrievalUnavailable as unavailable:
                degraded.append(f"retrieval_{unavailable.reason}")
        if taste.opinion and rung != "popularity":
            if self.bundle.item_cf.pull(taste.seeds).any():
                scores = taste.opinion.overall
                # Films without any shared taste tie: a grain of popularity fills the pool sensibly.
                filled = scores + 1e-6 * self.catalog.log_popularity * (float(np.abs(scores).max()) or 1.0)
                return Pool("item_cf", top_k(filled.astype(np.float32), k, allowed)[0], None, degraded)
            degraded.append("seeds_without_neighbors")
        elif not taste.seeds:
            degraded.append("no_known_seeds")
        return Pool("popularity", top_k(self.catalog.log_popularity, k, allowed)[0], None, degraded)

    def widened(self, taste: Taste, pool: Pool, others: Rows) -> Pool:
        """A taste's candidates, and behind them those of `others`, rows of the catalogue, that aren't among them."""
        added = np.setdiff1d(others, pool.rows)
        n_own = len(pool.rows) if pool.n_own is None else pool.n_own
        wider = replace(pool, rows=np.concatenate([pool.rows, added]), n_added=pool.n_added + len(added), n_own=n_own)
        if pool.tower_scores is not None:
            tower = self.bundle.two_tower
            scores = exact_scores(tower, tower.encode(taste.seeds), added)
            wider.tower_scores = np.concatenate([pool.tower_scores, scores])
        return wider

    def blend(self, taste: Taste, pool: Pool) -> Blend:
        """The candidates' scores."""
        return blend(
            self.catalog,
            self.bundle.item_cf,
            self.bundle.rerank.weights,
            rows=pool.rows,
            tower_scores=pool.tower_scores,
            opinion=None if pool.rung == "popularity" else taste.opinion,
            seeds=taste.seeds,
            dislikes=taste.dislikes,
            over=pool.n_own,
        )

    def log_odds(self, pool: Pool, scores: Array) -> NDArray[np.float64]:
        """(m,) float64 calibrated log-odds of blended scores."""
        calibration = self.bundle.rerank.calibration[pool.rung]
        return calibration.slope * scores.astype(np.float64) + calibration.intercept

    def hits(self, rows: Rows, dials: Dials) -> Array:
        """(m,) float32: what the popularity dial takes from candidates' blended scores."""
        scale = dials.novelty * self.bundle.rerank.weights.novelty_scale
        return standardised(self.catalog.log_popularity[rows], scale)[0]

    def lambda_mmr(self, dials: Dials) -> float:
        """1 - `diversity`, or the bundle's value."""
        return self.bundle.rerank.weights.lambda_mmr if dials.diversity is None else 1.0 - dials.diversity

    def likeness(self, rows: Rows) -> Likeness:
        """How alike some films are."""
        tower, genre_weight = self.bundle.two_tower, self.bundle.rerank.weights.genre_weight
        return Likeness(self.catalog.genre_matrix[rows], tower.unit_vectors[rows], genre_weight)

    def pick(self, pool: Pool, scores: Array, dials: Dials, series: Series) -> Rows:
        """Positions in the pool of the films to show, in the order in which MMR takes them.

        Args:
            pool: m candidates.
            scores: (m,) float32, their blended scores.
            dials: Of the request.
            series: (n,) int64 by row of the catalogue: at most one film of those with the same number. None: any.
        """
        return mmr(
            scores - self.hits(pool.rows, dials),
            self.likeness(pool.rows),
            n=dials.top_n,
            lam=self.lambda_mmr(dials),
            series=None if series is None else series[pool.rows],
        )

    def _from_retriever(self, taste: Taste, k: int, allowed: NDArray[np.bool_]) -> Pool:
        seeds = [int(self.catalog.movie_ids[row]) for row in sorted(taste.seeds)]
        movie_ids, scores, version = self.retriever.candidates(seeds, k, taste.where)
        # For seconds after a publish the tier can serve another bundle than ours, with films that we don't know.
        degraded = ["version_skew"] if version != self.bundle.version else []
        rows, unknown = self.catalog.rows_of_movies(int(movie) for movie in movie_ids)
        if unknown:
            scores = scores[np.isin(movie_ids, unknown, invert=True)]
        found = np.asarray(rows, dtype=np.int64)
        kept = allowed[found]  # trust, but verify: a seed must never come back
        if allowed.any() and not kept.any():
            message = f"no candidate of {version} is a film of {self.bundle.version}"
            raise RetrievalUnavailable("version_skew", message)
        pool = Pool("two_tower", found[kept], np.asarray(scores, dtype=np.float32)[kept], degraded)
        return pool if degraded else self._with_item_cf(taste, pool, allowed)

    def _with_item_cf(self, taste: Taste, pool: Pool, allowed: NDArray[np.bool_]) -> Pool:
        """Add what the item-item views would have found: it costs no call, and long histories gain by it."""
        n = self.bundle.rerank.n_item_cf_candidates
        if not n or taste.opinion is None:
            return pool
        # These count as the taste's own: scores are standardised over them too.
        return replace(self.widened(taste, pool, top_k(taste.opinion.overall, n, allowed)[0]), n_own=None)
