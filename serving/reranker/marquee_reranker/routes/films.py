"""Routes about films: search, one film, similar films, a sample, posters, and wishes in words."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from marquee.api.contracts import MovieDetails, MovieList
from marquee.api.problems import ProblemError
from marquee.api.queries import SampleQuery, SearchQuery, SimilarQuery, UnderstandQuery
from marquee.api.ratings import Resolved, ResolveRequest
from marquee.films import well_known
from marquee.pipeline import Pipeline
from marquee.retrieval.port import Where
from marquee.wishes import Understood
from marquee_reranker.openapi import problem_at, problems_at, with_request_body
from marquee_reranker.posters.fetch import Posters
from marquee_reranker.requests import ItemIdInPath, MovieIdInPath, resolve_request
from marquee_reranker.responses import cached_response, json_response, pipeline_of

POSTERS_OFF = "posters are off: set MARQUEE_TMDB_KEY to a key of themoviedb.org, or show drawn ones"
NO_POSTER = "no poster of this film is at hand: show a drawn one, or ask again later"
PICTURES: dict[str, dict[str, str]] = {"image/jpeg": {}, "image/png": {}, "image/webp": {}}

router = APIRouter()


@router.get("/v1/movies", operation_id="search_movies", response_model=MovieList, responses=problems_at(422, 503))
def search(request: Request, query: Annotated[SearchQuery, Query()]) -> Response:
    """Find films by title, the best match first; typos are seen through where nothing matches as it is written."""
    pipeline = pipeline_of(request)
    movies = pipeline.films.search(query.q, query.limit)
    return cached_response(request, MovieList(movies=movies, model_version=pipeline.version))


# Before the route with an id, which would take "sample" for one.
@router.get(
    "/v1/movies/sample", operation_id="sample_movies", response_model=MovieList, responses=problems_at(422, 503)
)
def sample(request: Request, query: Annotated[SampleQuery, Query()]) -> Response:
    """Well-known films to begin with, of many genres. With a `seed` always the same ones, else a new draw each time."""
    pipeline = pipeline_of(request)
    rows = well_known(pipeline.catalog, query.n, seed=query.seed, genre=query.genre)
    answer = MovieList(movies=[pipeline.films.film(row) for row in rows], model_version=pipeline.version)
    return json_response(answer) if query.seed is None else cached_response(request, answer)


@router.get(
    "/v1/movies/{movie_id}", operation_id="movie", response_model=MovieDetails, responses=problems_at(404, 422, 503)
)
def movie(request: Request, movie_id: MovieIdInPath) -> Response:
    """One film, and how liked it is."""
    return cached_response(request, pipeline_of(request).films.details(movie_id))


@router.get(
    "/v1/movies/{movie_id}/similar",
    operation_id="similar_movies",
    response_model=MovieList,
    responses=problems_at(404, 422, 503),
)
def similar(request: Request, movie_id: MovieIdInPath, query: Annotated[SimilarQuery, Query()]) -> Response:
    """Films that fit people who like a film more than they fit anybody; with the filters of recommendations."""
    return _similar(request, pipeline_of(request), movie_id, query)


@router.get(
    "/v1/items/{item_id}", operation_id="item", response_model=MovieDetails, responses=problems_at(404, 422, 503)
)
def item(request: Request, item_id: ItemIdInPath) -> Response:
    """The same as `/v1/movies/{movie_id}`, by the id in your data."""
    pipeline = pipeline_of(request)
    return cached_response(request, pipeline.films.details(pipeline.catalog.movie_of_item(item_id)))


@router.get(
    "/v1/items/{item_id}/similar",
    operation_id="similar_items",
    response_model=MovieList,
    responses=problems_at(404, 422, 503),
)
def similar_items(request: Request, item_id: ItemIdInPath, query: Annotated[SimilarQuery, Query()]) -> Response:
    """The same as `/v1/movies/{movie_id}/similar`, by the id in your data."""
    pipeline = pipeline_of(request)
    return _similar(request, pipeline, pipeline.catalog.movie_of_item(item_id), query)


def _similar(request: Request, pipeline: Pipeline, movie_id: int, query: SimilarQuery) -> Response:
    movies = pipeline.films.similar(movie_id, query.top_n, Where.of(query.filters))
    return cached_response(request, MovieList(movies=movies, model_version=pipeline.version))


@router.get(
    "/v1/posters/{movie_id}",
    operation_id="poster",
    response_class=Response,
    responses={
        200: {"content": PICTURES, "description": "A picture."},
        **problems_at(422, 503),
        **problem_at(404, "No such film, or no poster of it just now.", NO_POSTER),
    },
)
async def poster(request: Request, movie_id: MovieIdInPath) -> Response:
    """A film's poster from TMDB, where the server has a key of it."""
    posters: Posters | None = request.app.state.posters
    if posters is None:
        raise ProblemError(404, POSTERS_OFF, code="no_poster")
    catalog = pipeline_of(request).catalog
    tmdb_id = int(catalog.tmdb_ids[catalog.row_of_movie(movie_id)])
    found = await posters.get(tmdb_id) if tmdb_id else None
    if found is None:
        raise ProblemError(404, NO_POSTER, code="no_poster")
    return Response(found.content, media_type=found.media_type, headers={"Cache-Control": "private, max-age=86400"})


@router.post("/v1/resolve", operation_id="resolve", **with_request_body(Resolved, ResolveRequest))
def resolve(request: Request, body: Annotated[ResolveRequest, Depends(resolve_request)]) -> Response:
    """Find the films that rows of somebody's ratings are about; what isn't certain comes back with choices."""
    return json_response(pipeline_of(request).films.resolve(body.rows))


@router.get("/v1/understand", operation_id="understand", response_model=Understood, responses=problems_at(422, 503))
def understand(request: Request, query: Annotated[UnderstandQuery, Query()]) -> Response:
    """What a wish in words asks for, as a request and part by part. By rules alone: the same words, the same answer."""
    return cached_response(request, pipeline_of(request).films.reader.read(query.q))
