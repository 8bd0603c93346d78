"""Routes about films: one film, a few to begin with, and a wish in words."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from marquee.api.contracts import MovieDetails, MovieList
from marquee.api.problems import NO_STORE
from marquee.films import well_known
from marquee.wishes import Understood
from marquee_reranker.kept import kept_answer
from marquee_reranker.openapi import problems_at
from marquee_reranker.requests import MovieIdInPath, SampleQuery, UnderstandQuery
from marquee_reranker.responses import json_answer, pipeline_of

router = APIRouter()


# Before the route with an id, which would take "sample" for one.
@router.get(
    "/v1/movies/sample", operation_id="sample_movies", response_model=MovieList, responses=problems_at(422, 503)
)
def sample(request: Request, query: Annotated[SampleQuery, Query()]) -> Response:
    """Well-known films to begin with, of many genres. With a `seed` always the same ones, else a new draw each time."""
    pipeline = pipeline_of(request)
    rows = well_known(pipeline.catalog, query.n, seed=query.seed, genre=query.genre)
    answer = MovieList(movies=[pipeline.films.film(row) for row in rows], model_version=pipeline.version)
    return json_answer(answer, NO_STORE) if query.seed is None else kept_answer(request, answer)


@router.get(
    "/v1/movies/{movie_id}",
    operation_id="movie",
    response_model=MovieDetails,
    responses=problems_at(404, 422, 503),
)
def movie(request: Request, movie_id: MovieIdInPath) -> Response:
    """One film, and how liked it is."""
    pipeline = pipeline_of(request)
    return kept_answer(request, pipeline.films.details(movie_id))


@router.get("/v1/understand", operation_id="understand", response_model=Understood, responses=problems_at(422, 503))
def understand(request: Request, query: Annotated[UnderstandQuery, Query()]) -> Response:
    """What a wish in words asks for, as a request and part by part. By rules alone: the same words, the same answer."""
    return kept_answer(request, pipeline_of(request).films.reader.read(query.q))
