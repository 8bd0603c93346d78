"""Films by themselves: look-up, search by title, similar films, well-known ones to begin with."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from marquee.api.contracts import Movie, MovieDetails
from marquee.bundle.bundle import Bundle
from marquee.models import LogOdds
from marquee.models.catalog import Catalog
from marquee.retrieval.exact import top_k
from marquee.retrieval.port import Where
from marquee.search import TitleIndex
from marquee.wishes import Reader

N_WELL_KNOWN = 200


class Films:
    """The films of one bundle. Immutable and thread-safe."""

    def __init__(self, bundle: Bundle) -> None:
        self.catalog = bundle.catalog
        self._tower = bundle.two_tower
        self._version = bundle.version
        self._titles = TitleIndex(bundle.catalog)

    def film(self, row: int) -> Movie:
        """A film, by its row of the catalogue."""
        catalog = self.catalog
        return Movie(
            movie_id=int(catalog.movie_ids[row]),
            tmdb_id=int(catalog.tmdb_ids[row]) or None,
            title=catalog.titles[row],
            year=int(catalog.years[row]) or None,
            genres=[name for name, has in zip(catalog.genre_names, catalog.genres[row], strict=True) if has],
        )

    def details(self, movie_id: int) -> MovieDetails:
        """A film, and how liked it is.

        Raises:
            UnknownMovie: No film has this MovieLens id.
        """
        row = self.catalog.row_of_movie(movie_id)
        likes = int(self.catalog.popularity[row])
        return MovieDetails(
            **self.film(row).model_dump(),
            likes=likes,
            popularity_rank=1 + int((self.catalog.popularity > likes).sum()),
            n_films=len(self.catalog),
            model_version=self._version,
        )

    def search(self, query: str, limit: int) -> list[Movie]:
        """Films by title, best match first, the more popular first among equals."""
        return [self.film(row) for row in self._titles.search(query, limit)]

    def similar(self, movie_id: int, top_n: int) -> list[Movie]:
        """Films like one film, by cosine of item vectors and Jaccard similarity of genres, in equal parts.

        Raises:
            UnknownMovie: No film has this MovieLens id.
        """
        row = self.catalog.row_of_movie(movie_id)
        genres, vectors = self.catalog.genre_matrix, self._tower.unit_vectors
        shared = genres @ genres[row]
        sizes = genres.sum(axis=1)
        jaccard = shared / np.maximum(sizes + sizes[row] - shared, 1)
        likeness = (vectors @ vectors[row] + jaccard).astype(np.float32)
        others = np.arange(len(self.catalog)) != row
        return [self.film(int(other)) for other in top_k(likeness, top_n, others)[0]]

    @cached_property
    def reader(self) -> Reader:
        """Parses wishes in words about these films."""
        return Reader(self.catalog, self._titles, self._version)


def well_known(catalog: Catalog, n: int, *, seed: int | None = None, genre: str | None = None) -> list[int]:
    """Rows of n well-known films at random, spread over the genres; fewer where there are fewer.

    Out of the most liked ones, each next film is the first of a shuffled list whose genres were drawn least so far.

    Args:
        catalog: The films.
        n: How many.
        seed: The same seed draws the same films of the same catalogue; None draws anew.
        genre: Only films of this genre.

    Raises:
        UnknownGenre: No film has this genre.
    """
    rows = np.flatnonzero(Where(genres_any=(genre,) if genre else ()).mask(catalog))
    rows = rows[np.lexsort((rows, -catalog.popularity[rows]))][: max(N_WELL_KNOWN, n)]
    left = [int(row) for row in np.random.default_rng(seed).permutation(rows)]
    drawn = np.zeros(len(catalog.genre_names))
    picked: list[int] = []
    while left and len(picked) < n:
        at = int(np.argmin(_times_drawn(catalog, left, drawn)))
        drawn += catalog.genres[left[at]]
        picked.append(left.pop(at))
    return picked


def _times_drawn(catalog: Catalog, rows: Sequence[int], drawn: LogOdds) -> LogOdds:
    """(m,) how often films' genres were drawn, on average over each film's genres."""
    own = catalog.genres[rows]
    return np.asarray((own @ drawn) / np.maximum(own.sum(axis=1), 1))
