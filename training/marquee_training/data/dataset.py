"""What every source of ratings is read into."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray


@dataclass(frozen=True)
class Genome:
    """Tag genome: how well each tag fits each film.

    Attributes:
        movie_ids: (m,) int64, ascending.
        tags: The t tag names.
        relevance: (m, t) float32 in [0, 1].
    """

    movie_ids: NDArray[np.int64]
    tags: tuple[str, ...]
    relevance: NDArray[np.float32]


@dataclass(frozen=True)
class Dataset:
    """Validated ratings and films.

    Attributes:
        name: For people and the manifest, such as "ml-latest-small".
        source: Where it came from: a folder, an address, a package, or "synthetic seed=1".
        ratings: Columns `user_id` int32, `movie_id` int32, `rating` float32 (0.5 to 5), `timestamp` int64
            (seconds); one row per (user, film).
        movies: Columns `movie_id` int32 (unique, ascending), `title` str (without the year, articles in
            reading order), `year` int16 (0 = unknown), `genres` str ("Comedy|Drama", empty = none),
            `tmdb_id` int64 (0 = unknown).
        tags: Columns `movie_id` int32, `tag` str (lower case), `count` int32 (people who gave it); may
            be empty.
        genome: The tag genome, where the data set has one.
        sha256: Hash over the files (or the generator's arguments) that it was read from.
        notes: What a person should know about this data, such as rows that a lenient reading left out.
    """

    name: str
    source: str
    ratings: pd.DataFrame
    movies: pd.DataFrame
    tags: pd.DataFrame
    genome: Genome | None
    sha256: str
    notes: tuple[str, ...] = field(default=())
