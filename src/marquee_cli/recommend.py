"""Commands for recommendations: recommend, serve, demo."""

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from marquee.errors import RequestError
from marquee.models.catalog import FILMS
from marquee.models.weights import NOVELTY
from marquee_cli.options import DATASET, STORE, Config, Data, Dataset, Json, Store
from marquee_cli.output import err, out, print_recommendations
from marquee_cli.ratings import film_called, label, ratings_in

# Films of the sample request, by TMDB id, and their titles for data sets without TMDB ids.
SAMPLE = {1585: "It's a Wonderful Life", 4935: "Howl's Moving Castle", 597: "Titanic"}
SAMPLE_TOP_N = 5
# Options whose names differ from the request's fields.
OPTIONS = {
    "people": "--person",
    "disliked_movie_ids": "--dislike",
    "genres_any": "--genres",
    "genres_none": "--without-genres",
    "columns": "--where",
}

_PERSON_HELP = "Titles of the films of one of several people, separated by ';'. Repeat for each person."
_RATINGS_HELP = "Export of your ratings: Letterboxd, IMDb, Trakt, MovieLens, or CSV (docs/your-ratings.md)."
_INTERESTS_HELP = "Divide the list between very different tastes among the liked films."
_WHERE_HELP = "Only films that meet a condition on a column: 'price<=10', series=Dune, brand!=Acme. Can be repeated."
_MAX_PER_HELP = "At most so many films per value of a column, such as series=1. Can be repeated."
_OPERATOR_HELP = "Show the operator's view to everyone who can reach the page [MARQUEE_OPERATOR, on at 127.0.0.1]."


def recommend(
    tmdb_ids: Annotated[str, typer.Option(help="TMDB ids of liked films, separated by commas.")] = "",
    movie_ids: Annotated[str, typer.Option(help="MovieLens ids of liked films, separated by commas.")] = "",
    imdb_ids: Annotated[str, typer.Option(help="IMDb ids of liked films, tt0133093, separated by commas.")] = "",
    item_ids: Annotated[str, typer.Option(help="Liked items, by the ids of your own data, with commas.")] = "",
    like: Annotated[
        list[str] | None, typer.Option(help="Title of a liked film, or its IMDb id. Can be repeated.")
    ] = None,
    dislike: Annotated[list[str] | None, typer.Option(help="The same of a disliked film. Can be repeated.")] = None,
    ratings: Annotated[Path | None, typer.Option(help=_RATINGS_HELP)] = None,
    person: Annotated[list[str] | None, typer.Option(help=_PERSON_HELP)] = None,
    top_n: Annotated[int, typer.Option("--top-n", "-n", help="Number of recommendations, 1 to 100.")] = 10,
    genres: Annotated[str, typer.Option(help="Only films with one of these genres, separated by commas.")] = "",
    without_genres: Annotated[str, typer.Option(help="No films with one of these genres.")] = "",
    year_min: Annotated[int | None, typer.Option(help="Only films of this year or later.")] = None,
    year_max: Annotated[int | None, typer.Option(help="Only films of this year or earlier.")] = None,
    where: Annotated[list[str] | None, typer.Option(help=_WHERE_HELP)] = None,
    max_per: Annotated[list[str] | None, typer.Option(help=_MAX_PER_HELP)] = None,
    diversity: Annotated[
        float | None, typer.Option(help="Diversity of the list, 0 to 1; by default the bundle's.")
    ] = None,
    novelty: Annotated[
        float, typer.Option(help="From the most probable films, 0, to the least obvious that fit, 1.")
    ] = NOVELTY,
    sort: Annotated[Literal["fit", "affinity"], typer.Option(help="As novelty picks them, or by affinity.")] = "fit",
    several_interests: Annotated[bool, typer.Option("--several-interests", help=_INTERESTS_HELP)] = False,
    one_per_franchise: Annotated[
        bool, typer.Option("--one-per-franchise", help="At most one film per series.")
    ] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Show the reasons for each film.")] = False,
    store: Store = STORE,
    as_json: Json = False,
) -> None:
    """Recommend films for a few liked films, with the current bundle."""
    from marquee.api.conditions import conditions_of_texts
    from marquee.api.contracts import response_json

    pipeline = open_pipeline(store)
    liked = _ids(movie_ids, "--movie-ids") + [film_called(pipeline, title) for title in like or []]
    people = [[film_called(pipeline, title) for title in _split(titles, ";")] for titles in person or []]
    limits = [one.partition("=") for one in max_per or []]
    of_genres = {"genres_any": _split(genres), "genres_none": _split(without_genres)}
    try:
        columns = conditions_of_texts(where or [])
    except ValueError as error:
        raise RequestError(f"--where {error}", fix="--where 'price<=10' --where series=Dune") from None
    request = _request(
        {
            "tmdb_ids": _ids(tmdb_ids, "--tmdb-ids"),
            "movie_ids": liked,
            "imdb_ids": _split(imdb_ids),
            "item_ids": _split(item_ids),
            "disliked_movie_ids": [film_called(pipeline, title, "--dislike") for title in dislike or []],
            "ratings": ratings_in(pipeline, ratings) if ratings else [],
            "people": [{"movie_ids": films} for films in people],
            "top_n": top_n,
            "filters": {**of_genres, "year_min": year_min, "year_max": year_max, "columns": columns},
            "max_per": {name: int(most) if most.isdecimal() else most for name, _, most in limits},
            "diversity": diversity,
            "novelty": novelty,
            "sort": sort,
            "several_interests": several_interests,
            "one_per_franchise": one_per_franchise,
            "explain": explain,
        }
    )
    response = pipeline.recommend(request)
    if as_json:
        sys.stdout.write(response_json(response).decode() + "\n")
    else:
        print_recommendations(response, _for_whom(pipeline, request), pipeline.catalog.noun[0])


def serve(
    store: Annotated[
        str | None, typer.Option("--store", "-s", help="Store of bundles, a folder or an address [MARQUEE_ARTIFACTS].")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on [MARQUEE_HOST].")] = None,
    port: Annotated[int | None, typer.Option(help="Port of the API and the page [MARQUEE_PORT].")] = None,
    operator: Annotated[bool | None, typer.Option("--operator/--no-operator", help=_OPERATOR_HELP)] = None,
) -> None:
    """Serve the API and the web page. Settings come from MARQUEE_ variables (docs/configuration.md)."""
    from marquee.settings import load_settings, served_here
    from marquee_reranker.server import serve as run

    run(served_here(load_settings(artifacts=store, host=host, port=port, operator=operator)))


def page(
    folder: Annotated[Path, typer.Argument(help="Folder for the files: a new one, or one of an earlier page.")],
    api: Annotated[str, typer.Option(help="URL of the API, with its path where it has one.")],
) -> None:
    """Write the web page as static files that ask an API at another address."""
    from marquee_reranker.static_page import write_page

    write_page(folder, api)
    out.print(f"the page is in {folder}; it asks {api}", markup=False)
    out.print("the API must allow its address: MARQUEE_CORS_ORIGINS=https://where-the-page-is", markup=False)


def demo(
    folder: Data = None,
    name: Dataset = DATASET,
    store: Store = STORE,
    config: Config = "auto",
    port: Annotated[int | None, typer.Option(help="Port of the page [MARQUEE_PORT, 8080].")] = None,
    serve_page: Annotated[bool, typer.Option("--serve/--no-serve", help="Serve the web page at the end.")] = True,
    retrain: Annotated[bool, typer.Option("--retrain", help="Train even if the store has a bundle.")] = False,
) -> None:
    """Run everything: get ratings, train, recommend for a sample request, and serve the web page."""
    from marquee.bundle.read import current
    from marquee_cli.train import print_metrics, train_and_publish

    if retrain or current(store) is None:
        published = train_and_publish(folder, name, store, config, force=False, quiet=False)
        print_metrics(published.manifest.metrics.document)
    else:
        out.print(f"using the bundle in {store}; --retrain makes a new one", markup=False)
    pipeline = open_pipeline(store)
    request, title = sample_request(pipeline)
    print_recommendations(pipeline.recommend(_request(request)), title, pipeline.catalog.noun[0])
    if serve_page:
        serve(store=store, port=port)


def sample_request(pipeline: Any) -> tuple[dict[str, Any], str]:
    """The sample request and its title; films are found by title if the data has no TMDB ids."""
    asked = {"tmdb_ids": list(SAMPLE), "top_n": SAMPLE_TOP_N}
    known, _ = pipeline.catalog.rows_of_tmdb(SAMPLE)
    if pipeline.catalog.noun != FILMS:
        popular = pipeline.catalog.popularity.argsort()[::-1][:3].tolist()
        ids = [
            pipeline.catalog.item_ids[row] if pipeline.catalog.item_ids else int(pipeline.catalog.movie_ids[row])
            for row in popular
        ]
        asked = {"item_ids": ids, "top_n": SAMPLE_TOP_N}
        return asked, f"for {asked}, that is {', '.join(pipeline.catalog.titles[row] for row in popular)}"
    if known:
        liked = ", ".join(pipeline.catalog.titles[row] for row in known)
        return asked, f"for {asked}, that is {liked}"
    found = [films[0] for title in SAMPLE.values() if (films := pipeline.films.search(title, 1))]
    if not found:
        popular = pipeline.catalog.popularity.argsort()[::-1][:3]
        found = [pipeline.films.film(int(row)) for row in popular]
    liked = ", ".join(film.title for film in found)
    by_movie = {"movie_ids": [film.movie_id for film in found], "top_n": SAMPLE_TOP_N}
    err.print("this data has no TMDB ids: the sample's films are taken by title, as MovieLens ids")
    return by_movie, f"for {by_movie}, that is {liked}"


def open_pipeline(store: str) -> Any:
    """Pipeline of the current bundle."""
    from marquee.bundle.read import load
    from marquee.pipeline import Pipeline

    return Pipeline(load(store))


def _request(fields: dict[str, Any]) -> Any:
    from pydantic import ValidationError

    from marquee.api.contracts import RecommendationRequest
    from marquee.api.request_body import validation_messages
    from marquee.base_model import json_schema

    try:
        return RecommendationRequest(**fields)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        message = validation_messages([first], json_schema(RecommendationRequest))[0]["message"]
        named = [part for part in first["loc"] if isinstance(part, str) and part != "filters"]
        where = OPTIONS.get(named[0], "--" + named[0].replace("_", "-")) + ": " if named else ""
        raise RequestError(f"{where}{message}", fix="marquee recommend --help") from None


def _for_whom(pipeline: Any, request: Any) -> str:
    """Titles of the films in the request, since a title may be misspelt or ambiguous."""
    people = []
    for person in request.people or [request]:
        likes, dislikes = _named(pipeline, person, ""), _named(pipeline, person, "disliked_")
        people.append(", ".join([*likes, *(f"not {title}" for title in dislikes)]))
    if rated := getattr(request, "ratings", ()):
        people[0] = ", ".join(filter(None, [people[0], f"{len(rated):,} rating{'s' * (len(rated) > 1)}"]))
    films = "; ".join(filter(None, people))
    return f"for {films}" if films else ""


def _named(pipeline: Any, person: Any, prefix: Literal["", "disliked_"]) -> list[str]:
    from marquee.pipeline import rows_named

    return [label(pipeline.films.film(row)) for row in rows_named(pipeline.catalog, person, prefix)[0]]


def _ids(text: str, option: str) -> list[int]:
    try:
        return [int(part) for part in _split(text)]
    except ValueError:
        raise RequestError(f"{option} {text!r}: not numbers", fix=f"{option} 1585,4935,597") from None


def _split(text: str, separator: str = ",") -> list[str]:
    return [part.strip() for part in text.split(separator) if part.strip()]
