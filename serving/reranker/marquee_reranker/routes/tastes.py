"""Ready-made tastes for the page: a few well-known films each, so that a first answer is one click away."""

from typing import Any

from marquee.pipeline import Pipeline

MIN_FILMS = 3
# By TMDB ids, which are the same in every MovieLens data set that has them.
TASTES: dict[str, tuple[int, ...]] = {
    "Studio Ghibli": (129, 4935, 128, 8392),
    "Twisty thrillers": (807, 77, 550, 680),
    "Space and beyond": (62, 348, 78, 157336),
    "Romantic comedies": (639, 509, 634, 712),
    "Nights of horror": (694, 948, 9552, 539),
    "Film noir": (996, 963, 1092, 599),
    "Comic-book heroes": (1726, 24428, 118340),
    "For all the family": (862, 12, 14160, 10681),
    "Spaghetti westerns": (335, 391, 429),
    "True stories, documentaries": (1430, 14048, 1667, 9372),
}


def tastes(pipeline: Pipeline) -> list[dict[str, Any]]:
    """The tastes of which the catalogue has at least MIN_FILMS films: `name`, and `films` as the API has them."""
    found = {name: pipeline.catalog.rows_of_tmdb(ids)[0] for name, ids in TASTES.items()}
    return [
        {"name": name, "films": [pipeline.films.film(row).model_dump() for row in rows]}
        for name, rows in found.items()
        if len(rows) >= MIN_FILMS
    ]
