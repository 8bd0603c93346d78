"""Account of a request, film by film: retrieval, the blend's terms, MMR's steps.

`rerank/explain.py` explains why a film suits a person, this module how the pipeline came to show it. Both use the same
ranking as the answer (`Pipeline.rank`).
"""

import time

import numpy as np
from pydantic import Field

from marquee.api.contracts import Movie, RecommendationRequest
from marquee.base_model import OMITTED, FrozenBaseModel
from marquee.errors import GroupWithoutAccount
from marquee.models import Rows
from marquee.models.weights import Rung
from marquee.pipeline import Pipeline, Trace
from marquee.rerank.ranker import Ranking, affinity, log_odds

# Number of films by blended score; recommended films are always included.
N_BEST = 30


class BlendTerms(FrozenBaseModel):
    """Terms of the score that orders the list; those of models that were not used are 0."""

    tower: float
    """Weighted score of the Two-Tower, standardised over the catalogue."""
    item_cf: float
    """Weighted score of the item-item model for few films, standardised likewise."""
    history: float
    """Weighted score of the item-item model for long histories, standardised likewise."""
    genre: float
    """Similarity of genres to the liked films."""
    year: float
    """Closeness of release years to the liked films."""
    popularity: float
    """Popularity of the film; negative if popular films are discounted."""
    dislikes: float
    """Penalty for similarity to disliked films."""
    boost: float = Field(0.0, exclude_if=lambda added: not added)
    """What the request's `boost` adds; left out where it adds nothing."""


class FilmAccount(FrozenBaseModel):
    """One candidate in the stages of the pipeline."""

    movie: Movie
    tower_rank: int | None = Field(ge=1)
    """Rank among the films that retrieval found, from 1; null for films added by lift, and for all films if
    retrieval failed."""
    score_rank: int = Field(ge=1)
    """Rank among all candidates by `score`, from 1."""
    shown_at: int | None = Field(ge=1)
    """Position in the answer, from 1; null if it is not shown."""
    mmr_step: int | None = Field(ge=1)
    """Step in which MMR selected it, from 1; null if it was not selected. Pinned films come first."""
    pinned: bool | None = OMITTED
    """Only if the request's `pin` put it in its place."""
    terms: BlendTerms
    """Terms that sum to `score`, except for rounding."""
    score: float
    affinity_score: float = Field(ge=0, le=1)
    """As in an answer of /v1/recommendations."""


class RequestAccount(FrozenBaseModel):
    """Account of the answer of /v1/recommendations to this request."""

    seeds: list[Movie]
    """Liked films that are in the catalogue."""
    served_by: Rung
    """As in an answer."""
    degraded: list[str]
    """As in an answer."""
    n_candidates: int
    n_from_tower: int
    """Number of candidates found by retrieval."""
    n_added_by_item_cf: int
    """Number of candidates added behind them, by lift; the name is older."""
    films: list[FilmAccount]
    """The 30 best films by `score` and all films of the answer, by `score_rank`."""
    model_version: str
    request_id: str


def account(
    pipeline: Pipeline, request: RecommendationRequest, *, request_id: str = "", trace: Trace | None = None
) -> RequestAccount:
    """Account of the answer to one person's request, with or without `explain`; raises as `Pipeline.recommend`."""
    if request.people:
        raise GroupWithoutAccount("several people's request has no account", fix="ask for one person at a time")
    trace = trace or Trace()
    (ranking,) = pipeline.rank(request, trace)
    ranked = time.perf_counter()
    pool = ranking.pool
    n_from_tower = 0 if pool.tower_scores is None else len(pool.rows) - pool.n_added
    answer = RequestAccount(
        seeds=[pipeline.films.film(row) for row in ranking.taste.seeds],
        served_by=pool.rung,
        degraded=ranking.degraded(request.top_n),
        n_candidates=len(pool.rows),
        n_from_tower=n_from_tower,
        n_added_by_item_cf=pool.n_added,
        films=_films(pipeline, ranking, n_from_tower),
        model_version=pipeline.version,
        request_id=request_id,
    )
    trace.rerank_ms += (time.perf_counter() - ranked) * 1e3
    return answer


def _films(pipeline: Pipeline, ranking: Ranking, n_from_tower: int) -> list[FilmAccount]:
    pool = ranking.pool
    order = np.lexsort((pool.rows, -ranking.order.score))
    score_rank = _places(order)
    scores = pool.tower_scores
    tower_rank = {} if scores is None else _places(np.argsort(-scores[:n_from_tower], kind="stable"))
    pinned = {row for _, row in ranking.rules.pins}
    shown_at, mmr_step = _places(ranking.shown), _places(ranking.picked)
    listed = [int(at) for at in order if score_rank[int(at)] <= N_BEST or int(at) in shown_at]
    affinities = affinity(
        log_odds(pipeline.bundle, pool.rung, ranking.probable.score[np.asarray(listed, dtype=np.int64)])
    )
    return [
        FilmAccount(
            movie=pipeline.films.film(int(pool.rows[at])),
            tower_rank=tower_rank.get(at),
            score_rank=score_rank[at],
            shown_at=shown_at.get(at),
            mmr_step=mmr_step.get(at),
            pinned=int(pool.rows[at]) in pinned or None,
            terms=BlendTerms(**{name: round(float(values[at]), 6) for name, values in ranking.order.terms.items()}),
            score=round(float(ranking.order.score[at]), 6),
            affinity_score=float(score),
        )
        for at, score in zip(listed, affinities, strict=True)
    ]


def _places(positions: Rows) -> dict[int, int]:
    """Each position's place in the order given, from 1."""
    return {int(at): place for place, at in enumerate(positions, start=1)}
