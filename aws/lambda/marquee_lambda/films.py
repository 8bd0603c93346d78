"""The function's GET routes: what the page asks for beside recommendations, and probes."""

from collections.abc import Callable, Mapping, Sequence

from pydantic import BaseModel

from marquee.api.contracts import MovieList
from marquee.api.probes import Ready
from marquee.api.queries import MoviePath, SampleQuery, SearchQuery, SimilarQuery, UnderstandQuery, parse_parameters
from marquee.bundle.card import model_card
from marquee.films import well_known
from marquee.models.weights import NOVELTY
from marquee.page_data import page_data
from marquee.pipeline import Pipeline
from marquee.retrieval.port import Where

# (pipeline, the id in the path or "", the query) -> answer
Route = Callable[[Pipeline, str, Mapping[str, Sequence[str]]], BaseModel | bytes]


def search(pipeline: Pipeline, _: str, query: Mapping[str, Sequence[str]]) -> BaseModel:
    """Find films by title."""
    asked = parse_parameters(SearchQuery, query)
    return MovieList(movies=pipeline.films.search(asked.q, asked.limit), model_version=pipeline.version)


def sample(pipeline: Pipeline, _: str, query: Mapping[str, Sequence[str]]) -> BaseModel:
    """Draw well-known films."""
    asked = parse_parameters(SampleQuery, query)
    rows = well_known(pipeline.catalog, asked.n, seed=asked.seed, genre=asked.genre)
    return MovieList(movies=[pipeline.films.film(row) for row in rows], model_version=pipeline.version)


def movie(pipeline: Pipeline, movie_id: str, _: Mapping[str, Sequence[str]]) -> BaseModel:
    """One film, and how liked it is."""
    return pipeline.films.details(_movie_id(movie_id))


def similar(pipeline: Pipeline, movie_id: str, query: Mapping[str, Sequence[str]]) -> BaseModel:
    """Films like one film."""
    asked = parse_parameters(SimilarQuery, query)
    movies = pipeline.films.similar(_movie_id(movie_id), asked.top_n, Where.of(asked.filters))
    return MovieList(movies=movies, model_version=pipeline.version)


def understand(pipeline: Pipeline, _: str, query: Mapping[str, Sequence[str]]) -> BaseModel:
    """What a wish in words asks for."""
    return pipeline.films.reader.read(parse_parameters(UnderstandQuery, query).q)


def model(pipeline: Pipeline, _: str, __: Mapping[str, Sequence[str]]) -> BaseModel:
    """The model card."""
    return model_card(pipeline.bundle.manifest, pipeline.catalog.noun)


def catalog(pipeline: Pipeline, _: str, __: Mapping[str, Sequence[str]]) -> bytes:
    """What the page knows of the catalogue."""
    return page_data(pipeline, NOVELTY, posters=False, operator=False)


def ready(pipeline: Pipeline, _: str, __: Mapping[str, Sequence[str]]) -> BaseModel:
    """Readiness probe, for a load balancer's health checks."""
    return Ready(model_version=pipeline.version)


def _movie_id(text: str) -> int:
    return parse_parameters(MoviePath, {"movie_id": [text]}).movie_id


def _of_item(route: Route) -> Route:
    """The same, by an item's id as the data has it."""
    return lambda pipeline, item_id, query: route(pipeline, str(pipeline.catalog.movie_of_item(item_id)), query)


# By path; the fixed ones first.
ROUTES: dict[str, Route] = {
    "/readyz": ready,
    "/v1/movies": search,
    "/v1/movies/sample": sample,
    "/v1/movies/<movie_id>": movie,
    "/v1/movies/<movie_id>/similar": similar,
    "/v1/items/<item_id>": _of_item(movie),
    "/v1/items/<item_id>/similar": _of_item(similar),
    "/v1/understand": understand,
    "/v1/model": model,
    "/ui/catalog.json": catalog,
}
