"""Ways to make one list for a group: ours, and what others do."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from marquee.api.contracts import Person, RecommendationRequest
from marquee.pipeline import Pipeline
from marquee.rerank.groups import liking, score_alike
from marquee.rerank.mmr import mmr
from marquee.rerank.ranker import lambda_mmr, likeness
from marquee.retrieval.ladder import make_taste
from marquee.retrieval.port import Where

N = 10
Rows = NDArray[np.int64]
Members = list[list[int]]
Way = Callable[[Pipeline, Members], Rows]


def ids(pipeline: Pipeline, rows: list[int]) -> list[int]:
    """MovieLens ids of films."""
    return [int(pipeline.catalog.movie_ids[row]) for row in rows]


def answer(pipeline: Pipeline, request: RecommendationRequest) -> Rows:
    """Rows of the films of an answer, in its order."""
    films = pipeline.recommend(request).recommendations
    return np.searchsorted(pipeline.catalog.movie_ids, [film.movie_id for film in films])


def together(pipeline: Pipeline, members: Members) -> Rows:
    """Ours: `people`."""
    people = [Person(movie_ids=ids(pipeline, rows)) for rows in members]
    return answer(pipeline, RecommendationRequest(people=people, top_n=N))


def one_list(pipeline: Pipeline, members: Members) -> Rows:
    """Everybody's films as if one person liked them."""
    return answer(pipeline, RecommendationRequest(movie_ids=_all(pipeline, members), top_n=N))


def several_interests(pipeline: Pipeline, members: Members) -> Rows:
    """The same, but the tastes are told apart by the films alone."""
    return answer(pipeline, RecommendationRequest(movie_ids=_all(pipeline, members), top_n=N, several_interests=True))


def by_affinity(aggregate: Callable[..., NDArray[np.float64]]) -> Way:
    """By one value of the members' affinities for each film, and MMR."""

    def way(pipeline: Pipeline, members: Members) -> Rows:
        likings, rows = _liking(pipeline, members)
        value = aggregate(likings, axis=0).astype(np.float32)
        bundle = pipeline.bundle
        picked = mmr(value, likeness(bundle, rows), n=N, lam=lambda_mmr(bundle, None))
        return rows[picked[np.argsort(-value[picked], kind="stable")]]

    return way


def in_turn(pipeline: Pipeline, members: Members) -> Rows:
    """Each member's next best film, one after the other."""
    likings, rows = _liking(pipeline, members)
    order = np.argsort(-likings, axis=1, kind="stable").T.ravel()
    first = np.sort(np.unique(order, return_index=True)[1])
    return rows[order[first][:N]]


WAYS: dict[str, Way] = {
    "people": together,
    "all films as one person's": one_list,
    "the same with several_interests": several_interests,
    "mean affinity": by_affinity(np.mean),
    "least misery": by_affinity(np.min),  # M. O'Connor et al., PolyLens, 2001
    "in turn": in_turn,
}


def _all(pipeline: Pipeline, members: Members) -> list[int]:
    return ids(pipeline, list(dict.fromkeys(row for rows in members for row in rows)))


def _liking(pipeline: Pipeline, members: Members) -> tuple[NDArray[np.float64], Rows]:
    bundle = pipeline.bundle
    where = Where(exclude_movie_ids=tuple(_all(pipeline, members)))
    tastes = [make_taste(bundle, rows, where, where.mask(bundle.catalog)) for rows in members]
    rows, rankings = score_alike(bundle, list(zip(tastes, pipeline.ladder.candidates(tastes), strict=True)))
    return np.stack([liking(bundle, ranking) for ranking in rankings]), rows
