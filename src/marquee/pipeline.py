"""A request's way, from top to bottom: resolve ids -> retrieve candidates -> rerank -> answer. No transport in here."""

import copy
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import fmean
from typing import Literal, get_args

import numpy as np

from marquee.added import Extension
from marquee.api.contracts import (
    MAX_EXPLANATION_BYTES,
    Explanation,
    Person,
    PersonAffinity,
    Recommendation,
    RecommendationRequest,
    RecommendationResponse,
)
from marquee.api.items import AddedItems
from marquee.bundle.bundle import Bundle
from marquee.errors import AnswerTooLong, LikedAndDisliked
from marquee.films import Films
from marquee.models.catalog import Catalog
from marquee.models.weights import Rung
from marquee.ratings.seeds import choose_seeds
from marquee.rerank.evidence import evidence
from marquee.rerank.explain import explain
from marquee.rerank.groups import rank_together, split_interests
from marquee.rerank.ranker import Ranking, affinity, log_odds, rank, score
from marquee.rerank.rules import make_rules
from marquee.retrieval.ladder import Ladder, Pool, widen
from marquee.retrieval.port import ANYWHERE, Retriever, Where
from marquee.retrieval.taste import Taste, make_taste

LADDER: tuple[Rung, ...] = get_args(Rung)  # from the top
_REASON_BYTES = len('{"movie_id":2147483647,"title":,"contribution":-1234.5678},')


@dataclass
class Trace:
    """What a request cost, for logs and metrics: number of candidates, milliseconds before and after they were there.

    For several people, candidates are those that any of them found.
    """

    n_candidates: int = 0
    retrieval_ms: float = 0.0
    rerank_ms: float = 0.0


class Pipeline:
    """Recommends from one bundle. Immutable and thread-safe: a new bundle gets a new pipeline.

    Args:
        bundle: The models and films.
        retriever: Where candidates come from; None searches the bundle's own vectors in process.
    """

    def __init__(self, bundle: Bundle, retriever: Retriever | None = None) -> None:
        self.bundle = bundle
        self.catalog = bundle.catalog
        self.films = Films(bundle)
        self.ladder = Ladder(bundle, retriever)

    @property
    def version(self) -> str:
        """The bundle's version."""
        return self.bundle.version

    @cached_property
    def extension(self) -> Extension:
        """What makes bundles with further items of this one; takes seconds."""
        return Extension(self.bundle)

    def with_items(self, added: AddedItems) -> "Pipeline":
        """A pipeline with items that came, changed or went since the bundle was made; shares what it can."""
        other = copy.copy(self)
        other.bundle = self.extension.of(added)
        other.catalog = other.bundle.catalog
        other.films = Films(other.bundle, self.films)
        other.ladder = self.ladder.of(other.bundle)
        return other

    def with_retriever(self, retriever: Retriever) -> "Pipeline":
        """A pipeline with candidates from elsewhere, which shares what was computed from the bundle."""
        other = copy.copy(self)
        other.ladder = Ladder(self.bundle, retriever)
        return other

    def recommend(
        self, request: RecommendationRequest, *, request_id: str = "", trace: Trace | None = None
    ) -> RecommendationResponse:
        """Answer a request from the highest rung of the ladder that can.

        Raises:
            RequestError: A filter or rule names an unknown genre or column, or doesn't fit it, a film is both liked and
                disliked or pinned twice, or the explanations would be too long.
        """
        trace = trace or Trace()
        rankings = self.rank(request, trace)
        ranked = time.perf_counter()
        unknown = (one for ranking in rankings for one in ranking.taste.unknown)
        answer = RecommendationResponse(
            recommendations=self._describe(rankings, request.explain),
            served_by=max((ranking.pool.rung for ranking in rankings), key=LADDER.index),
            degraded=list(dict.fromkeys(reason for ranking in rankings for reason in ranking.degraded(request.top_n))),
            notes=evidence(self.bundle, rankings, rated=bool(request.ratings)),
            unknown_ids=list(dict.fromkeys([*unknown, *rankings[0].rules.unknown])),
            model_version=self.version,
            request_id=request_id,
        )
        trace.rerank_ms += (time.perf_counter() - ranked) * 1e3
        return answer

    def rank(self, request: RecommendationRequest, trace: Trace) -> list[Ranking]:
        """All that is computed for an answer before it is described: one ranking per person, of the same films.

        Raises:
            RequestError: As `recommend` does.
        """
        started = time.perf_counter()
        tastes = resolve(self.bundle, request)
        series = self.films.franchises if request.one_per_franchise else None
        rules = make_rules(self.catalog, request, tastes[0].allowed, series)
        pools = self.ladder.candidates(tastes)
        people = list(zip(tastes, pools, strict=True))
        interests: list[tuple[Taste, Pool]] = []
        if request.several_interests and pools[0].rung != "popularity":
            parts = split_interests(self.bundle, tastes[0])
            interests = list(zip(parts, self.ladder.candidates(parts, pools[0].rung), strict=True))
        retrieved = time.perf_counter()

        while True:
            if request.people or interests:
                rankings = rank_together(self.bundle, people, interests, request, rules)
            else:
                rankings = [rank(self.bundle, *people[0], request, rules)]
            shown = rankings[0].pool.rows[rankings[0].shown]
            if len(shown) == request.top_n or not request.max_per:
                break
            # The candidates have too few kinds of films; the catalogue may have more.
            missing = [
                np.setdiff1d(rules.missing(self.bundle, taste, shown, request.top_n), pool.rows)
                for taste, pool in people
            ]
            if not any(map(len, missing)):
                break
            people = [
                (taste, widen(self.bundle, taste, pool, added))
                for (taste, pool), added in zip(people, missing, strict=True)
            ]
        trace.n_candidates = len(rankings[0].pool.rows)
        trace.retrieval_ms = (retrieved - started) * 1e3
        trace.rerank_ms = (time.perf_counter() - retrieved) * 1e3
        return rankings

    def score_candidates(
        self, seed_rows: Sequence[int], rung: Rung = "two_tower", *, novelty: float = 0.0, where: Where = ANYWHERE
    ) -> Ranking:
        """A rung's candidates for liked films, scored, before calibration and MMR, for training.

        Args:
            seed_rows: Rows of the catalogue.
            rung: Where on the ladder to begin.
            novelty: As in a request.
            where: Further filters; the seeds are excluded anyway.
        """
        seeds = tuple(int(self.catalog.movie_ids[row]) for row in seed_rows)
        where = replace(where, exclude_movie_ids=where.exclude_movie_ids + seeds)
        taste = make_taste(self.bundle, seed_rows, where, where.mask(self.catalog))
        (pool,) = self.ladder.candidates([taste], rung)
        return score(self.bundle, taste, pool, novelty)

    def _describe(self, rankings: Sequence[Ranking], explained: bool) -> list[Recommendation]:
        rows = rankings[0].pool.rows[rankings[0].shown]
        if explained:
            _check_length(self.catalog, rankings)
        films = [self.films.fields(row) for row in rows.tolist()]
        described = [self._affinities(ranking, explained) for ranking in rankings]
        if len(rankings) == 1:
            return [
                Recommendation.unchecked({**film, "affinity_score": liked, "explanation": why, "for_people": None})
                for film, (liked, why) in zip(films, described[0], strict=True)
            ]
        answer = []
        for film, *each in zip(films, *described, strict=True):
            people = [PersonAffinity(affinity_score=liked, explanation=why) for liked, why in each]
            mean = round(fmean(liked for liked, _ in each), 4)
            answer.append(
                Recommendation.unchecked({**film, "affinity_score": mean, "explanation": None, "for_people": people})
            )
        return answer

    def _affinities(self, ranking: Ranking, explained: bool) -> list[tuple[float, Explanation | None]]:
        """The shown films' affinities, and their explanations if these are asked for."""
        odds = log_odds(self.bundle, ranking.pool.rung, ranking.probable.score[ranking.shown])
        why: Sequence[Explanation | None] = [None] * len(odds)
        if explained:
            why = explain(self.bundle, ranking, odds)
        return list(zip(affinity(odds).tolist(), why, strict=True))


def _check_length(catalog: Catalog, rankings: Sequence[Ranking]) -> None:
    """Raise `AnswerTooLong` before explanations are computed that may be too long: each film has all seeds' titles."""
    titles = (json.dumps(catalog.titles[seed], ensure_ascii=False) for one in rankings for seed in one.taste.seeds)
    size = len(rankings[0].shown) * sum(len(title.encode()) + _REASON_BYTES for title in titles)
    if size > MAX_EXPLANATION_BYTES:
        raise AnswerTooLong("the explanations of this answer", size, MAX_EXPLANATION_BYTES)


def resolve(bundle: Bundle, request: RecommendationRequest) -> list[Taste]:
    """The tastes of a request's people, by rows of the catalogue; of a request for one person the only one.

    Nothing that anybody named, or wants excluded, is recommended to anyone.

    Raises:
        RequestError: A filter names an unknown genre, or somebody likes and dislikes the same film.
    """
    catalog = bundle.catalog
    people: Sequence[Person | RecommendationRequest] = request.people or [request]
    rated = choose_seeds(catalog, request.ratings)
    excluded, unknown_excluded = rows_named(catalog, request, "exclude_")
    named = list(rated.named)
    resolved = []
    for person in people:
        seeds, unknown_seeds = rows_named(catalog, person, "")
        dislikes, unknown_dislikes = rows_named(catalog, person, "disliked_")
        if both := sorted(set(seeds) & set(dislikes)):
            titles = ", ".join(catalog.titles[row] for row in both)
            raise LikedAndDisliked(f"{titles}: both liked and disliked", fix="give each film on one side only")
        named += seeds + dislikes
        seeds += [row for row in rated.seeds if row not in seeds and row not in dislikes]
        dislikes += [row for row in rated.dislikes if row not in dislikes and row not in seeds]
        unknown = list(dict.fromkeys(unknown_seeds + unknown_dislikes + unknown_excluded + rated.unknown))
        resolved.append((seeds, dislikes, unknown))
    only = None
    if request.only_movie_ids is not None or request.only_item_ids is not None:
        rows, _ = catalog.rows_of_items(request.only_item_ids or ())
        only = (*(request.only_movie_ids or ()), *catalog.movie_ids[rows].tolist())
    excluded_ids = tuple(int(catalog.movie_ids[row]) for row in dict.fromkeys(named + excluded))
    where = Where.of(request.filters, excluded_ids, only)
    allowed = where.mask(catalog)
    return [
        make_taste(bundle, seeds, where, allowed, dislikes=dislikes, unknown=unknown)
        for seeds, dislikes, unknown in resolved
    ]


def rows_named(
    catalog: Catalog, request: Person | RecommendationRequest, prefix: Literal["", "disliked_", "exclude_"]
) -> tuple[list[int], list[int | str]]:
    """Rows of the films that a request likes, dislikes or excludes, each film once, and the ids that no film has."""
    kinds = ("movie_ids", "tmdb_ids", "imdb_ids", "item_ids")
    return catalog.rows_of(**{kind: getattr(request, prefix + kind) for kind in kinds})
