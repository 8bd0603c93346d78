"""From the files' columns to the tables of a `Dataset`; says in notes what it left out."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from marquee_training.data.checks import count_blank
from marquee_training.data.dataset import Genome
from marquee_training.data.read_csv import Table
from marquee_training.data.titles import split_title

NO_GENRES = "(no genres listed)"
_SAME_GENRE = {"Children's": "Children"}  # the name of 1998 and 2003, and today's


def ratings_frame(
    user_id: NDArray[np.generic],
    movie_id: NDArray[np.generic],
    rating: NDArray[np.generic],
    timestamp: NDArray[np.generic],
) -> pd.DataFrame:
    """`Dataset.ratings` out of (n,) arrays, which it takes over without a copy where the types fit."""
    columns = {
        "user_id": user_id.astype(np.int32, copy=False),
        "movie_id": movie_id.astype(np.int32, copy=False),
        "rating": rating.astype(np.float32, copy=False),
        "timestamp": timestamp.astype(np.int64, copy=False),
    }
    return pd.DataFrame(columns, copy=False)


def movies_frame(
    movie_id: NDArray[np.generic],
    titles: Sequence[str],
    genres: Sequence[str],
    tmdb_ids: dict[int, int],
) -> pd.DataFrame:
    """`Dataset.movies` out of MovieLens' raw titles ("Matrix, The (1999)") and genres ("Action|Sci-Fi")."""
    split = [split_title(title) for title in titles]
    movies = pd.DataFrame(
        {
            "movie_id": movie_id.astype(np.int32),
            "title": pd.Series([title for title, _ in split], dtype="str"),
            "year": np.array([year for _, year in split], dtype=np.int16),
            "genres": pd.Series([_genres(names) for names in genres], dtype="str"),
            "tmdb_id": np.array([tmdb_ids.get(int(movie), 0) for movie in movie_id], dtype=np.int64),
        }
    )
    return movies.sort_values("movie_id", ignore_index=True)


def no_tags() -> pd.DataFrame:
    """`Dataset.tags` of a data set that has none."""
    columns = {
        "movie_id": np.empty(0, np.int32),
        "tag": pd.Series([], dtype="str"),
        "count": np.empty(0, np.int32),
    }
    return pd.DataFrame(columns)


def tags_frame(table: Table, known: NDArray[np.generic], notes: list[str]) -> pd.DataFrame:
    """`Dataset.tags`: how many people gave a film a tag; tags differ by more than case and spaces."""
    if blank := count_blank(table, "tag"):
        notes.append(f"{table.path.name}: {blank:,} rows with an empty tag left out")
    tag = table.texts["tag"].to_pandas().str.strip().str.lower()
    rows = pd.DataFrame({"movie_id": table.numbers["movieId"], "tag": tag, "user": table.numbers["userId"]})
    listed = rows["movie_id"].isin(known)
    if strays := int((~listed).sum()):
        notes.append(f"{table.path.name}: {strays:,} tags of films that the films' file lacks left out")
    rows = rows[listed & (rows["tag"] != "")].drop_duplicates()
    if rows.empty:
        return no_tags()
    counts = rows.groupby(["movie_id", "tag"], sort=True).size().astype(np.int32)
    return counts.rename("count").reset_index()


def tmdb_ids(table: Table, known: NDArray[np.generic], notes: list[str]) -> dict[int, int]:
    """TMDB ids by MovieLens id, out of links.csv."""
    movies, ids = table.numbers["movieId"], table.numbers["tmdbId"]
    listed = np.isin(movies, known)
    if strays := int((~listed).sum()):
        notes.append(f"{table.path.name}: links of {strays:,} films that the films' file lacks left out (harmless)")
    kept = listed & np.greater(ids.astype(np.int64), 0)
    return dict(zip(movies[kept].tolist(), ids[kept].tolist(), strict=True))


def genome_of(scores: Table, tags: Table, known: NDArray[np.generic], notes: list[str]) -> Genome:
    """The tag genome as a matrix; a (film, tag) pair that the file lacks counts as 0."""
    tag_order = np.argsort(tags.numbers["tagId"], kind="stable")
    tag_ids = tags.numbers["tagId"][tag_order]
    names = tags.texts["tag"].to_pylist()
    movies = np.unique(scores.numbers["movieId"])
    matrix = np.zeros((len(movies), len(tag_ids)), dtype=np.float32)
    rows = np.searchsorted(movies, scores.numbers["movieId"])
    columns = np.searchsorted(tag_ids, scores.numbers["tagId"])
    matrix[rows, columns] = scores.numbers["relevance"]
    scored = len(rows)
    listed = np.isin(movies, known)
    if strays := int((~listed).sum()):
        notes.append(f"{scores.path.name}: {strays:,} films that the films' file lacks left out (harmless)")
        scored = int(listed[rows].sum())
        movies, matrix = movies[listed], matrix[listed]
    if missing := matrix.size - scored:
        notes.append(f"{scores.path.name}: {missing:,} pairs of film and tag missing, taken as relevance 0")
    return Genome(movies.astype(np.int64), tuple(names[at] for at in tag_order), matrix)


def _genres(names: str) -> str:
    if names.strip() in ("", NO_GENRES):
        return ""
    parts = (part.strip() for part in names.split("|"))
    return "|".join(dict.fromkeys(_SAME_GENRE.get(part, part) for part in parts if part))
