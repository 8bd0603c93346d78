"""From a request's ids to tastes: one for each person who asks."""

from marquee.contracts import Person, RecommendationRequest
from marquee.errors import LikedAndDisliked
from marquee.retrieval import Where
from marquee.stages import Stages
from marquee.steps import Taste


def resolve(stages: Stages, request: RecommendationRequest) -> list[Taste]:
    """The tastes of a request's people; of a request for one person the only one.

    What anybody has named, or wants excluded, isn't recommended to anyone.

    Raises:
        LikedAndDisliked: Somebody likes and dislikes the same film.
    """
    catalog = stages.catalog
    people: list[Person | RecommendationRequest] = list(request.people) or [request]
    excluded, unknown_excluded = catalog.rows_of_tmdb(request.exclude_tmdb_ids)
    likes, dislikes, unknown = [], [], []
    for person in people:
        by_movie, unknown_movies = catalog.rows_of_movies(person.movie_ids)
        by_tmdb, unknown_tmdb = catalog.rows_of_tmdb(person.tmdb_ids)
        disliked, unknown_dislikes = catalog.rows_of_tmdb(person.disliked_tmdb_ids)
        seeds = list(dict.fromkeys(by_movie + by_tmdb))
        if both := sorted(set(seeds) & set(disliked)):
            titles = ", ".join(catalog.titles[row] for row in both)
            raise LikedAndDisliked(f"{titles}: both liked and disliked", fix="give each film on one side only")
        likes.append(seeds)
        dislikes.append(disliked)
        unknown.append(list(dict.fromkeys(unknown_movies + unknown_tmdb + unknown_dislikes + unknown_excluded)))
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
