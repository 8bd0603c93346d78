"""The two stages and the ladder: seeds -> candidates -> blend -> MMR -> response. No transport in here."""

import copy
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from marquee.blend import Blend, blend
from marquee.bundle.bundle import Bundle, Contents
from marquee.contracts import (
    Explanation,
    Movie,
    Recommendation,
    RecommendationRequest,
    RecommendationResponse,
    SeedContribution,
)
from marquee.errors import LikedAndDisliked, RetrievalUnavailable
from marquee.exact_search import ExactSearch, exact_scores, top_k
from marquee.explain import shapley
from marquee.mmr import mmr
from marquee.opinion import Opinion, standardised
from marquee.rerank_config import Rung
from marquee.retrieval import Retriever, Where
from marquee.search import TitleIndex
from marquee.sentence import Reader
from marquee.steps import Array, Pool, Rows, Steps, Taste, affinity


@dataclass
class Trace:
    """What a request cost, for logs and metrics; `recommend` fills it in."""

    n_candidates: int = 0
    retrieval_ms: float = 0.0
    rerank_ms: float = 0.0

    def fill(self, steps: Steps, started: float) -> None:
        """Note what a request took until now, that began at `started` of `time.perf_counter`."""
        self.n_candidates = len(steps.pool.rows)
        self.retrieval_ms = (steps.retrieved - started) * 1e3
        self.rerank_ms = (time.perf_counter() - steps.retrieved) * 1e3


class Pipeline:
    """Recommends from one bundle. Immutable and thread-safe: a new bundle gets a new pipeline.

    Args:
        bundle: The models and films; training judges them before they are published.
        retriever: Where candidates come from; None searches the bundle's own vectors in process.
    """

    def __init__(self, bundle: Bundle | Contents, retriever: Retriever | None = None) -> None:
        self.bundle = bundle
        self.catalog = bundle.catalog
        self._retriever = retriever or ExactSearch(bundle)
        self._genres = bundle.catalog.genres.astype(np.float32)
        vectors = bundle.two_tower.item_vectors
        self._unit_vectors = vectors / (np.linalg.norm(vectors, axis=1, keepdims=True) + 1e-9)
        self.titles = TitleIndex(bundle.catalog)

    @property
    def version(self) -> str:
        """The bundle's version."""
        return self.bundle.version

    def asking(self, retriever: Retriever) -> "Pipeline":
        """The same with candidates from elsewhere; what was computed from the bundle is shared."""
        other = copy.copy(self)
        other._retriever = retriever
        return other

    def recommend(
        self, request: RecommendationRequest, *, request_id: str = "", trace: Trace | None = None
    ) -> RecommendationResponse:
        """Answer a request from the highest rung of the ladder that can.

        Raises:
            RequestError: A filter names an unknown genre, or a film is both liked and disliked.
        """
        started = time.perf_counter()
        steps = self.steps(request)
        films = self._describe(request, steps)
        if trace is not None:
            trace.fill(steps, started)
        return RecommendationResponse(
            recommendations=films,
            served_by=steps.pool.rung,
            degraded=steps.degraded,
            unknown_ids=steps.taste.unknown,
            model_version=self.version,
            request_id=request_id,
        )

    def steps(self, request: RecommendationRequest) -> Steps:
        """All that is computed for an answer, before it is put into words; `marquee.account` tells of it.

        Raises:
            RequestError: As `recommend` does.
        """
        taste = self._resolve(request)
        pool = self._candidates(taste)
        retrieved = time.perf_counter()
        blended = self._blend(taste, pool)
        picked = self._pick(request, pool, blended)
        # The dials choose the films; the order is by affinity, which no dial bends.
        shown = picked[np.lexsort((pool.rows[picked], -blended.score[picked]))]
        return Steps(taste, pool, blended, picked, shown, request.top_n, retrieved)

    def log_odds(self, steps: Steps, positions: Rows) -> NDArray[np.float64]:
        """(k,) float64 calibrated log-odds of k candidates, by their positions in the pool."""
        calibration = self.bundle.rerank.calibration[steps.pool.rung]
        return calibration.slope * steps.blended.score[positions].astype(np.float64) + calibration.intercept

    def score_candidates(self, seed_rows: Sequence[int], rung: Rung) -> tuple[Rows, Array]:
        """A rung's candidates for liked films and their blended scores, before calibration and MMR.

        What training calibrates on.

        Args:
            seed_rows: Rows of the catalogue.
            rung: Where on the ladder to begin.

        Returns:
            (m,) int64 rows and (m,) float32 scores.
        """
        excluded = tuple(int(self.catalog.movie_ids[row]) for row in seed_rows)
        taste = Taste(list(seed_rows), [], Where(exclude_movie_ids=excluded), [], self._opinion(seed_rows))
        pool = self._candidates(taste, rung)
        return pool.rows, self._blend(taste, pool).score

    def similar(self, movie_id: int, top_n: int) -> list[Movie]:
        """Films like one film, whoever asks: latent and genre likeness, in equal parts.

        Raises:
            UnknownMovie: No film has this id.
        """
        row = self.catalog.row_of_movie(movie_id)
        shared = self._genres @ self._genres[row]
        sizes = self._genres.sum(axis=1)
        jaccard = shared / np.maximum(sizes + sizes[row] - shared, 1)
        likeness = (self._unit_vectors @ self._unit_vectors[row] + jaccard).astype(np.float32)
        others = np.arange(len(self.catalog)) != row
        return [self.film(int(other)) for other in top_k(likeness, top_n, others)[0]]

    @cached_property
    def reader(self) -> Reader:
        """Understands wishes in words about these films."""
        return Reader(self.catalog, self.titles, self.version)

    def search(self, query: str, limit: int) -> list[Movie]:
        """Films by title, best match first, the more popular first among equals."""
        return [self.film(row) for row in self.titles.search(query, limit)]

    def _resolve(self, request: RecommendationRequest) -> Taste:
        by_movie, unknown = self.catalog.rows_of_movies(request.movie_ids)
        by_tmdb, unknown_tmdb = self.catalog.rows_of_tmdb(request.tmdb_ids)
        dislikes, unknown_dislikes = self.catalog.rows_of_tmdb(request.disliked_tmdb_ids)
        excluded, unknown_excluded = self.catalog.rows_of_tmdb(request.exclude_tmdb_ids)
        seeds = list(dict.fromkeys(by_movie + by_tmdb))
        if both := sorted(set(seeds) & set(dislikes)):
            titles = ", ".join(self.catalog.titles[row] for row in both)
            raise LikedAndDisliked(f"{titles}: both liked and disliked", fix="give each film on one side only")
        movies = self.catalog.movie_ids
        where = Where(
            tuple(request.filters.genres_any),
            tuple(request.filters.genres_none),
            request.filters.year_min,
            request.filters.year_max,
            tuple(int(movies[row]) for row in dict.fromkeys(seeds + dislikes + excluded)),
        )
        everything = unknown + unknown_tmdb + unknown_dislikes + unknown_excluded
        return Taste(seeds, dislikes, where, list(dict.fromkeys(everything)), self._opinion(seeds))

    def _opinion(self, seeds: Sequence[int]) -> Opinion | None:
        if not seeds:
            return None
        return Opinion.of(self.bundle.item_cf, seeds, self.bundle.rerank.weights.half_history)

    def _candidates(self, taste: Taste, rung: Rung = "two_tower") -> Pool:
        """Go down the ladder: two_tower -> item_cf -> popularity."""
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

    def _from_retriever(self, taste: Taste, k: int, allowed: NDArray[np.bool_]) -> Pool:
        seeds = [int(self.catalog.movie_ids[row]) for row in sorted(taste.seeds)]
        movie_ids, scores, version = self._retriever.candidates(seeds, k, taste.where)
        # For seconds after a publish the tier can serve another bundle than ours, with films that we don't know.
        degraded = ["version_skew"] if version != self.version else []
        rows, unknown = self.catalog.rows_of_movies(int(movie) for movie in movie_ids)
        if unknown:
            scores = scores[np.isin(movie_ids, unknown, invert=True)]
        found = np.asarray(rows, dtype=np.int64)
        kept = allowed[found]  # trust, but verify: a seed must never come back
        if allowed.any() and not kept.any():
            raise RetrievalUnavailable("version_skew", f"no candidate of {version} is a film of {self.version}")
        pool = Pool("two_tower", found[kept], np.asarray(scores, dtype=np.float32)[kept], degraded)
        return pool if degraded else self._with_item_cf(taste, pool, allowed)

    def _with_item_cf(self, taste: Taste, pool: Pool, allowed: NDArray[np.bool_]) -> Pool:
        """Add what the item-item views would have found: it costs no call, and long histories gain by it."""
        n = self.bundle.rerank.n_item_cf_candidates
        if not n or taste.opinion is None or pool.tower_scores is None:
            return pool
        added = np.setdiff1d(top_k(taste.opinion.overall, n, allowed)[0], pool.rows)
        tower = self.bundle.two_tower
        scores = exact_scores(tower, tower.encode(taste.seeds), added)
        return replace(
            pool,
            rows=np.concatenate([pool.rows, added]),
            tower_scores=np.concatenate([pool.tower_scores, scores]),
            n_added=len(added),
        )

    def _blend(self, taste: Taste, pool: Pool) -> Blend:
        return blend(
            self.catalog,
            self.bundle.item_cf,
            self.bundle.rerank.weights,
            rows=pool.rows,
            tower_scores=pool.tower_scores,
            opinion=None if pool.rung == "popularity" else taste.opinion,
            seeds=taste.seeds,
            dislikes=taste.dislikes,
        )

    def _pick(self, request: RecommendationRequest, pool: Pool, blended: Blend) -> Rows:
        """Positions in the pool of the films to show, in the order in which MMR takes them."""
        weights = self.bundle.rerank.weights
        lam = weights.lambda_mmr if request.diversity is None else 1.0 - request.diversity
        hits, _ = standardised(self.catalog.log_popularity[pool.rows], request.novelty * weights.novelty_scale)
        return mmr(
            blended.score - hits,
            self._genres[pool.rows],
            self._unit_vectors[pool.rows],
            n=request.top_n,
            lam=lam,
            genre_weight=weights.genre_weight,
        )

    def _describe(self, request: RecommendationRequest, steps: Steps) -> list[Recommendation]:
        log_odds = self.log_odds(steps, steps.shown)
        why: Sequence[Explanation | None] = [None] * len(steps.shown)
        if request.explain:
            why = self._explain(steps, log_odds)
        return [
            Recommendation(**self.film(int(row)).model_dump(), affinity_score=float(score), explanation=explanation)
            for row, score, explanation in zip(steps.pool.rows[steps.shown], affinity(log_odds), why, strict=True)
        ]

    def _explain(self, steps: Steps, log_odds: NDArray[np.float64]) -> list[Explanation]:
        """An additive account of each film's log-odds; see `marquee.explain`."""
        taste, pool, blended, picked = steps.taste, steps.pool, steps.blended, steps.shown
        slope = self.bundle.rerank.calibration[pool.rung].slope
        rows = pool.rows[picked]
        shares = np.zeros((len(taste.seeds), len(rows)))
        if blended.tower_unit:
            shares += slope * blended.tower_unit * shapley(self.bundle.two_tower, taste.seeds, rows)
        if blended.cf_unit:
            shares += slope * blended.cf_unit * self.bundle.item_cf.contributions(taste.seeds, rows)
        if blended.history_unit and self.bundle.item_cf.history:
            shares += slope * blended.history_unit * self.bundle.item_cf.history.contributions(taste.seeds, rows)
        accounts = []
        for column, position in enumerate(picked):
            because = [
                SeedContribution(
                    movie_id=int(self.catalog.movie_ids[seed]),
                    title=self.catalog.titles[seed],
                    contribution=round(float(share), 4),
                )
                for seed, share in zip(taste.seeds, shares[:, column], strict=True)
            ]
            because.sort(key=lambda entry: (-entry.contribution, entry.movie_id))
            terms = {
                name: round(slope * float(blended.terms[name][position]), 4)
                for name in ("genre", "year", "popularity", "dislikes")
            }
            score = round(float(log_odds[column]), 4)
            # The rest is what the models say of the film whoever asks: biases and the request's averages.
            explained = sum(entry.contribution for entry in because) + sum(terms.values())
            accounts.append(
                Explanation(score=score, because=because, terms={"prior": round(score - explained, 4), **terms})
            )
        return accounts

    def film(self, row: int) -> Movie:
        """A film of the catalogue, by its row."""
        catalog = self.catalog
        return Movie(
            movie_id=int(catalog.movie_ids[row]),
            tmdb_id=int(catalog.tmdb_ids[row]) or None,
            title=catalog.titles[row],
            year=int(catalog.years[row]) or None,
            genres=[name for name, has in zip(catalog.genre_names, catalog.genres[row], strict=True) if has],
        )
