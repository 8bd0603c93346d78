"""Requests to a pipeline of random contents, `make_contents(n_movies=120)`."""

from dataclasses import replace

from marquee.api.contracts import RecommendationRequest
from marquee.errors import RetrievalUnavailable
from marquee.pipeline import Pipeline

MOVIES = [int(movie) for movie in range(1, 361, 3)]  # their ids


class Down:
    """A retrieval tier that gives no answer."""

    def candidates(self, seed_movie_ids, k, where):
        raise RetrievalUnavailable("timeout")


def ask(pipeline, **fields):
    return pipeline.recommend(RecommendationRequest(**{"movie_ids": MOVIES[:3], **fields}))


def ids(response):
    return [film.movie_id for film in response.recommendations]


def with_catalog(contents, **changes):
    return Pipeline(replace(contents, catalog=replace(contents.catalog, **changes)))
