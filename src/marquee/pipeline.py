"""The two stages and the ladder: seeds -> candidates -> blend -> MMR -> response. No transport in here."""

import copy
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from marquee.api.contracts import (
    Explanation,
    PersonAffinity,
    Recommendation,
    RecommendationRequest,
    RecommendationResponse,
)
from marquee.bundle.bundle import Bundle
from marquee.errors import GroupWithoutAccount
from marquee.films import Films
from marquee.models.weights import Rung
from marquee.rerank.explain import explain
from marquee.rerank.franchises import franchises
from marquee.rerank.groups import for_people, mixed
from marquee.rerank.mmr import Series
from marquee.rerank.ranker import Stages
from marquee.rerank.steps import Array, Dials, Rows, Steps, Taste, affinity
from marquee.resolve import resolve
from marquee.retrieval.exact import ExactSearch
from marquee.retrieval.port import Retriever, Where

LADDER: tuple[Rung, ...] = get_args(Rung)  # from the top


@dataclass
class Trace:
    """What a request cost, for logs and metrics; `recommend` fills it in.

    Attributes:
        n_candidates: All that were re-ranked; of several people, what any of them found.
        retrieval_ms: Milliseconds until the candidates were there.
        rerank_ms: Milliseconds from then on.
    """

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

    def __init__(self, bundle: Bundle, retriever: Retriever | None = None) -> None:
        self.bundle = bundle
        self.catalog = bundle.catalog
        self.stages = Stages(bundle, retriever or ExactSearch(bundle))
        self.films = Films(bundle)

    @property
    def version(self) -> str:
        """The bundle's version."""
        return self.bundle.version

    def with_retriever(self, retriever: Retriever) -> "Pipeline":
        """A pipeline with candidates from elsewhere, which shares what was computed from the bundle."""
        other = copy.copy(self)
        other.stages = copy.copy(self.stages)
        other.stages.retriever = retriever
        return other

    def recommend(
        self, request: RecommendationRequest, *, request_id: str = "", trace: Trace | None = None
    ) -> RecommendationResponse:
        """Answer a request from the highest rung of the ladder that can.

        Raises:
            RequestError: A filter names an unknown genre, or a film is both liked and disliked.
        """
        started = time.perf_counter()
        tastes = resolve(self.stages, request)
        if request.people:
            people = for_people(self.stages, tastes, _dials(request), self._series(request))
            films = self._describe_for(people, request.explain)
        else:
            people = [self._steps(request, tastes[0])]
            films = self._describe(people[0], request.explain)
        if trace is not None:
            trace.fill(people[0], started)
        unknown = [identifier for taste in tastes for identifier in taste.unknown]
        return RecommendationResponse(
            recommendations=films,
            served_by=max((steps.pool.rung for steps in people), key=LADDER.index),
            degraded=list(dict.fromkeys(reason for steps in people for reason in steps.degraded)),
            unknown_ids=list(dict.fromkeys(unknown)),
            model_version=self.version,
            request_id=request_id,
        )

    def steps(self, request: RecommendationRequest) -> Steps:
        """All that is computed for an answer, before it is put into words; `marquee.inspect_request` tells of it.

        Raises:
            RequestError: As `recommend` does, and if the request is several people's.
        """
        if request.people:
            raise GroupWithoutAccount("several people's request has no account", fix="ask for one person at a time")
        return self._steps(request, resolve(self.stages, request)[0])

    def _steps(self, request: RecommendationRequest, taste: Taste) -> Steps:
        dials, series = _dials(request), self._series(request)
        pool = self.stages.candidates(taste)
        mix = mixed(self.stages, taste, pool, dials, series) if request.several_interests else None
        retrieved = time.perf_counter()
        if mix:
            (_, pool, blended, _), picked = mix
        else:
            blended = self.stages.blend(taste, pool)
            picked = self.stages.pick(pool, blended.score, dials, series)
        # The dials choose the films; the order is by affinity, which no dial bends.
        shown = picked[np.lexsort((pool.rows[picked], -blended.score[picked]))]
        return Steps(taste, pool, blended, picked, shown, request.top_n, retrieved)

    def log_odds(self, steps: Steps, positions: Rows) -> NDArray[np.float64]:
        """(k,) float64 calibrated log-odds of k candidates, by their positions in the pool."""
        return self.stages.log_odds(steps.pool, steps.blended.score[positions])

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
        taste = self.stages.taste(seed_rows, Where(exclude_movie_ids=excluded))
        pool = self.stages.candidates(taste, rung)
        return pool.rows, self.stages.blend(taste, pool).score

    @cached_property
    def franchises(self) -> NDArray[np.int64]:
        """(n,) int64: films of one series share a number."""
        return franchises(self.catalog, self.bundle.two_tower.unit_vectors)

    def _series(self, request: RecommendationRequest) -> Series:
        return self.franchises if request.one_per_franchise else None

    def _describe(self, steps: Steps, explained: bool) -> list[Recommendation]:
        scores, why = self._said(steps, explained)
        return [
            Recommendation(**self.films.film(int(row)).model_dump(), affinity_score=score, explanation=explanation)
            for row, score, explanation in zip(steps.pool.rows[steps.shown], scores, why, strict=True)
        ]

    def _describe_for(self, people: Sequence[Steps], explained: bool) -> list[Recommendation]:
        """What each says of the same films; see `for_people`."""
        said = [
            [PersonAffinity(affinity_score=score, explanation=account) for score, account in zip(*own, strict=True)]
            for own in (self._said(steps, explained) for steps in people)
        ]
        rows = people[0].pool.rows[people[0].shown]
        films = [
            Recommendation(
                **self.films.film(int(row)).model_dump(),
                affinity_score=round(fmean(person.affinity_score for person in each), 4),
                for_people=list(each),
            )
            for row, *each in zip(rows, *said, strict=True)
        ]
        # Means of rounded affinities, as they are told, can be in another order than those of the exact ones.
        return sorted(films, key=lambda film: -film.affinity_score)

    def _said(self, steps: Steps, explained: bool) -> tuple[list[float], Sequence[Explanation | None]]:
        """Affinities of the films shown, and what speaks for them if that is asked for."""
        log_odds = self.log_odds(steps, steps.shown)
        why: Sequence[Explanation | None] = [None] * len(steps.shown)
        if explained:
            why = explain(self.bundle, steps, log_odds)
        return [float(score) for score in affinity(log_odds)], why


def _dials(request: RecommendationRequest) -> Dials:
    return Dials(request.top_n, request.diversity, request.novelty)
