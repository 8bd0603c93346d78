"""What happened to a request, film by film: retrieval, the blend's terms, MMR's steps. For a picture of the two stages.

`rerank/explain.py` says why a film suits somebody; this says how the pipeline came to show it. Both read the ranking
that made the answer (`Pipeline.rank`), so they can't disagree with it.
"""

import time

import numpy as np
from pydantic import Field

from marquee.api.contracts import Movie, RecommendationRequest
from marquee.base_model import FrozenBaseModel
from marquee.errors import GroupWithoutAccount
from marquee.models import Rows
from marquee.models.weights import Rung
from marquee.pipeline import Pipeline, Trace
from marquee.rerank.ranker import Ranking, affinity, log_odds

# Films of the account by blended score; those that were shown come on top.
N_BEST = 30


class BlendTerms(FrozenBaseModel):
    """The parts that a blended score sums from; a view that had no say is 0."""

    tower: float
    """The Two-Tower's score, standardised over the candidates, times its weight."""
    item_cf: float
    """The item-item view for a few films, likewise."""
    history: float
    """The item-item view for long histories, likewise."""
    genre: float
    """Likeness of genres to the liked films'."""
    year: float
    """Closeness in time to the liked films."""
    popularity: float
    """How liked the film is by everybody; below 0 where hits are discounted."""
    dislikes: float
    """What the disliked films take away."""


class FilmAccount(FrozenBaseModel):
    """One candidate's way through the stages."""

    movie: Movie
    tower_rank: int | None = Field(ge=1)
    """Place among the films that retrieval found, 1 is the best; null for one that the item-item views added, and
    for all where retrieval gave no answer."""
    score_rank: int = Field(ge=1)
    """Place among all candidates by `score`."""
    shown_at: int | None = Field(ge=1)
    """Place in the answer; null if it isn't shown."""
    mmr_step: int | None = Field(ge=1)
    """In which step MMR took it, 1 is the first; null if it didn't."""
    terms: BlendTerms
    """Sum to `score`, but for rounding."""
    score: float
    affinity_score: float = Field(ge=0, le=1)
    """As in an answer of /v1/recommendations."""


class RequestAccount(FrozenBaseModel):
    """How an answer of /v1/recommendations to this request comes about."""

    seeds: list[Movie]
    """The liked films that are known."""
    served_by: Rung
    """As in an answer."""
    degraded: list[str]
    """As in an answer."""
    n_candidates: int
    n_from_tower: int
    """How many of them retrieval found."""
    n_added_by_item_cf: int
    """How many the item-item views added to these."""
    films: list[FilmAccount]
    """The first 30 by `score` and all that are shown, by `score_rank`."""
    model_version: str
    request_id: str


def account(
    pipeline: Pipeline, request: RecommendationRequest, *, request_id: str = "", trace: Trace | None = None
) -> RequestAccount:
    """How the answer to one person's request comes about; raises as `Pipeline.recommend`. `explain` changes nothing."""
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
    order = np.lexsort((pool.rows, -ranking.score))
    score_rank = _places(order)
    tower_rank: dict[int, int] = {}
    if pool.tower_scores is not None:
        tower_rank = _places(np.argsort(-pool.tower_scores[:n_from_tower], kind="stable"))
    shown_at, mmr_step = _places(ranking.shown), _places(ranking.picked)
    listed = [int(at) for at in order if score_rank[int(at)] <= N_BEST or int(at) in shown_at]
    scores = affinity(log_odds(pipeline.bundle, pool.rung, ranking.score[np.asarray(listed, dtype=np.int64)]))
    return [
        FilmAccount(
            movie=pipeline.films.film(int(pool.rows[at])),
            tower_rank=tower_rank.get(at),
            score_rank=score_rank[at],
            shown_at=shown_at.get(at),
            mmr_step=mmr_step.get(at),
            terms=BlendTerms(**{name: round(float(values[at]), 6) for name, values in ranking.terms.items()}),
            score=round(float(ranking.score[at]), 6),
            affinity_score=float(score),
        )
        for at, score in zip(listed, scores, strict=True)
    ]


def _places(positions: Rows) -> dict[int, int]:
    """Each position's place in the order given, from 1."""
    return {int(at): place for place, at in enumerate(positions, start=1)}
