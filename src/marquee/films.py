"""Films by themselves: how liked one is, and well-known ones to begin with."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from marquee.api.contracts import MovieDetails
from marquee.models.catalog import Catalog
from marquee.pipeline import Pipeline
from marquee.retrieval.port import Where

Array = NDArray[np.float64]

N_WELL_KNOWN = 200


def details(pipeline: Pipeline, movie_id: int) -> MovieDetails:
    """One film, and how liked it is.

    Raises:
        UnknownMovie: No film has this MovieLens id.
    """
    catalog = pipeline.catalog
    row = catalog.row_of_movie(movie_id)
    likes = int(catalog.popularity[row])
    return MovieDetails(
        **pipeline.film(row).model_dump(),
        likes=likes,
        popularity_rank=1 + int((catalog.popularity > likes).sum()),
        n_films=len(catalog),
        model_version=pipeline.version,
    )


def well_known(catalog: Catalog, n: int, *, seed: int | None = None, genre: str | None = None) -> list[int]:
    """Rows of films that most people know, drawn at random and spread over the genres.

    Out of the most liked ones, each next film is the first of a shuffled list whose genres were drawn least so far.

    Args:
        catalog: The films.
        n: How many; fewer where there are fewer.
        seed: The same seed draws the same films of the same catalogue; None draws anew.
        genre: Only films of this genre.

    Raises:
        UnknownGenre: No film has this genre.
    """
    allowed = Where(genres_any=(genre,) if genre else ()).mask(catalog)
    rows = np.flatnonzero(allowed)
    rows = rows[np.lexsort((rows, -catalog.popularity[rows]))][: max(N_WELL_KNOWN, n)]
    left = [int(row) for row in np.random.default_rng(seed).permutation(rows)]
    drawn = np.zeros(len(catalog.genre_names))
    picked: list[int] = []
    while left and len(picked) < n:
        at = int(np.argmin(_drawn_before(catalog, left, drawn)))
        drawn += catalog.genres[left[at]]
        picked.append(left.pop(at))
    return picked


def _drawn_before(catalog: Catalog, rows: Sequence[int], drawn: Array) -> Array:
    """(m,) how often the films' genres were drawn, on average over each film's genres."""
    own = catalog.genres[rows]
    return np.asarray((own @ drawn) / np.maximum(own.sum(axis=1), 1))
