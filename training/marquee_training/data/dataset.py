"""The one shape that ratings of any source are read into."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from marquee.models.catalog import FILMS, ItemId
from marquee.models.columns import Column


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
        source: A folder, an address, a package, or "synthetic seed=1".
        ratings: `user_id` int32, `movie_id` int32, `rating` float32 (0.5 to 5), `timestamp` int64 (seconds, 0 =
            unknown); one row per (user, film).
        movies: `movie_id` int32 (unique, ascending), `title` str (without the year, articles in reading order),
            `year` int16 (0 = unknown), `genres` str ("Comedy|Drama", empty = none), `tmdb_id` int64 (0 = unknown),
            `imdb_id` int64, the number in "tt0133093" (0 = unknown).
        tags: `movie_id` int32, `tag` str (lower case), `count` int32 (people who gave it); may be empty.
        genome: The tag genome, where there is one.
        sha256: Hash over the files, or over the arguments of the generator.
        notes: What was left out, and other facts that a person should know.
        item_ids: The n ids as the data has them, where `movie_id` can't hold them.
        noun: What an item is called, one and several.
        columns: Further columns of the n items, by name.
        texts: A text on each of the n items; may be empty.
        read: How each column of a mapped file is read: table, column, read_as, type, example.
    """

    name: str
    source: str
    ratings: pd.DataFrame
    movies: pd.DataFrame
    tags: pd.DataFrame
    genome: Genome | None
    sha256: str
    notes: tuple[str, ...] = ()
    item_ids: tuple[ItemId, ...] | None = None
    noun: tuple[str, str] = FILMS
    columns: Mapping[str, Column] = field(default_factory=dict)
    texts: tuple[str, ...] = ()
    read: tuple[Mapping[str, str], ...] = ()
