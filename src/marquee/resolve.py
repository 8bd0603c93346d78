"""From a request's ids to tastes: one for each person who asks."""

from collections.abc import Sequence

from marquee.api.contracts import Person, RecommendationRequest
from marquee.errors import LikedAndDisliked
from marquee.models.catalog import Catalog
from marquee.rerank.ranker import Stages
from marquee.rerank.steps import Taste
from marquee.retrieval.port import Where


def resolve(stages: Stages, request: RecommendationRequest) -> list[Taste]:
    """The tastes of a request's people; of a request for one person the only one.

    What anybody has named, or wants excluded, isn't recommended to anyone.

    Raises:
        LikedAndDisliked: Somebody likes and dislikes the same film.
    """
    catalog = stages.catalog
    people: list[Person | RecommendationRequest] = list(request.people) or [request]
    excluded, unknown_excluded = _rows(catalog, request.exclude_movie_ids, request.exclude_tmdb_ids)
    likes, dislikes, unknown = [], [], []
    for person in people:
        seeds, unknown_seeds = _rows(catalog, person.movie_ids, person.tmdb_ids)
        disliked, unknown_dislikes = _rows(catalog, person.disliked_movie_ids, person.disliked_tmdb_ids)
        if both := sorted(set(seeds) & set(disliked)):
            titles = ", ".join(catalog.titles[row] for row in both)
            raise LikedAndDisliked(f"{titles}: both liked and disliked", fix="give each film on one side only")
        likes.append(seeds)
        dislikes.append(disliked)
        unknown.append(list(dict.fromkeys(unknown_seeds + unknown_dislikes + unknown_excluded)))
    named = [row for rows in (*likes, *dislikes, excluded) for row in rows]
    filters = request.filters
    where = Where(
        tuple(filters.genres_any),
        tuple(filters.genres_none),
        filters.year_min,
        filters.year_max,
        tuple(int(catalog.movie_ids[row]) for row in dict.fromkeys(named)),
    )
    return [
        stages.taste(seeds, where, dislikes=disliked, unknown=missing)
        for seeds, disliked, missing in zip(likes, dislikes, unknown, strict=True)
    ]


def _rows(catalog: Catalog, movie_ids: Sequence[int], tmdb_ids: Sequence[int]) -> tuple[list[int], list[int]]:
    """Rows of films by either id, each once, and the ids that no film has."""
    by_movie, unknown_movies = catalog.rows_of_movies(movie_ids)
    by_tmdb, unknown_tmdb = catalog.rows_of_tmdb(tmdb_ids)
    return list(dict.fromkeys(by_movie + by_tmdb)), unknown_movies + unknown_tmdb
